/*
 * Compiles a model's tree of layers into the flat plan. Wrappers that turn or reverse the image for the layer inside
 * them become the direction in which that layer runs, so no back end moves data about for them. A convolution, the tanh
 * layer that follows and the pooling after it become one layer.
 */
#include "common/ocr/network_private.h"

#define REFUSED(error, ...) error_set(error, ERROR_CONFIG, __VA_ARGS__)
#define TAKES_IT "; `--engine tesseract` takes it"

/* The directions that the wrappers around a layer give it. */
struct direction {
	bool transposed;	     /* its x is the image's y */
	bool reversed_x, reversed_y; /* of the image */
	size_t end;		     /* the first layer after those that have it */
};

#define DEPTH_MOST 32

struct planner {
	struct network *network;
	const struct model *model;
	size_t next;		  /* layer of the model */
	int32_t channels, height; /* of what the next layer reads */
	struct direction directions[DEPTH_MOST];
	size_t depth;
};

static const struct model_layer *next_layer(const struct planner *planner)
{
	return planner->next < planner->model->layer_count ? &planner->model->layers[planner->next] : NULL;
}

static struct network_layer *add_layer(struct planner *planner, const struct model_layer *source,
				       enum network_layer_kind kind, struct error *error)
{
	struct network *network = planner->network;
	struct network_layer *layer = &network->layers[network->layer_count];

	if (network->layer_count == NETWORK_LAYERS_MOST) {
		(void)REFUSED(error, "more than %d layers" TAKES_IT, NETWORK_LAYERS_MOST);
		return NULL;
	}
	*layer = (struct network_layer){ .kind = kind,
					 .name = source->name,
					 .matrices = source->matrices,
					 .tables = &network->tables,
					 .curves = &network->curves,
					 .inputs = source->inputs,
					 .outputs = source->outputs,
					 .height = planner->height,
					 .output_height = planner->height,
					 .pool_x = 1,
					 .pool_y = 1 };
	network->layer_count++;
	return layer;
}

static bool check_inputs(const struct planner *planner, const struct model_layer *source, struct error *error)
{
	if (source->inputs == planner->channels)
		return true;
	return REFUSED(error, "layer %s: takes %d channels of %d", source->name, source->inputs, planner->channels);
}

static bool plan_input(struct planner *planner, const struct model_layer *source, struct error *error)
{
	if (planner->channels != 0)
		return REFUSED(error, "layer %s: a second input" TAKES_IT, source->name);
	planner->channels = source->depth;
	planner->height = source->height;
	planner->network->shape.height = source->height;
	planner->network->shape.x_scale = 1;
	return true;
}

/* Convolve, Tanh and, where it follows, Maxpool. */
static bool plan_convolution(struct planner *planner, const struct model_layer *source, struct error *error)
{
	int64_t window = (2 * (int64_t)source->x + 1) * (2 * (int64_t)source->y + 1);
	const struct model_layer *connected, *pool;
	struct network_layer *layer;

	if (planner->network->layer_count > 0)
		return REFUSED(error, "layer %s: a convolution of what is no image" TAKES_IT, source->name);
	if (!check_inputs(planner, source, error))
		return false;
	planner->next++;
	connected = next_layer(planner);
	if (!connected || connected->type != MODEL_TANH)
		return REFUSED(error, "layer %s: a convolution without tanh" TAKES_IT, source->name);
	if (connected->inputs != window)
		return REFUSED(error, "layer %s: takes %d of a window of %lld", connected->name, connected->inputs,
			       (long long)window);
	layer = add_layer(planner, connected, NETWORK_CONVOLVE, error);
	if (!layer)
		return false;
	layer->half_x = source->x;
	layer->half_y = source->y;
	planner->channels = connected->outputs;
	planner->next++;
	pool = next_layer(planner);
	/* It may stand in the series around the convolution's; what counts is that nothing is between. */
	if (!pool || pool->type != MODEL_MAXPOOL) {
		planner->next--;
		return true;
	}
	if (!check_inputs(planner, pool, error))
		return false;
	layer->pool_x = pool->x;
	layer->pool_y = pool->y;
	layer->output_height = planner->height / pool->y;
	planner->height = layer->output_height;
	planner->network->shape.x_scale = pool->x;
	return planner->height > 0 || REFUSED(error, "layer %s: pools the whole image away", pool->name);
}

static bool plan_lstm(struct planner *planner, const struct model_layer *source, struct error *error)
{
	const struct direction *direction = &planner->directions[planner->depth - 1];
	struct network_layer *layer;

	if (planner->network->layer_count == 0)
		return REFUSED(error, "layer %s: no convolution before it" TAKES_IT, source->name);
	if (!check_inputs(planner, source, error))
		return false;
	if (source->type == MODEL_LSTM_SUMMARY && !direction->transposed)
		return REFUSED(error, "layer %s: makes one step of the whole line" TAKES_IT, source->name);
	layer = add_layer(planner, source, NETWORK_LSTM, error);
	if (!layer)
		return false;
	layer->along_y = direction->transposed;
	layer->reversed = direction->transposed ? direction->reversed_y : direction->reversed_x;
	layer->is_summary = source->type == MODEL_LSTM_SUMMARY;
	if (layer->is_summary)
		layer->output_height = 1;
	planner->height = layer->output_height;
	planner->channels = source->outputs;
	return true;
}

static bool plan_softmax(struct planner *planner, const struct model_layer *source, struct error *error)
{
	if (!check_inputs(planner, source, error))
		return false;
	if (planner->network->layer_count == 0 || planner->height != 1 ||
	    planner->next + 1 != planner->model->layer_count)
		return REFUSED(error, "layer %s: a softmax that is not the last, of one value for each step" TAKES_IT,
			       source->name);
	if (source->outputs < 2)
		return REFUSED(error, "layer %s: one class only", source->name);
	planner->channels = source->outputs;
	planner->network->shape.class_count = source->outputs;
	return add_layer(planner, source, NETWORK_SOFTMAX, error) != NULL;
}

/* What is inside runs in another direction. The reversal is of x and y as a wrapper around may have exchanged them. */
static bool plan_wrapper(struct planner *planner, const struct model_layer *source, struct error *error)
{
	struct direction direction = planner->directions[planner->depth - 1];

	if (planner->depth == DEPTH_MOST)
		return REFUSED(error, "layer %s: too deep", source->name);
	direction.end = source->end;
	if (source->type == MODEL_TRANSPOSED)
		direction.transposed = !direction.transposed;
	else if ((source->type == MODEL_X_REVERSED) != direction.transposed)
		direction.reversed_x = !direction.reversed_x;
	else
		direction.reversed_y = !direction.reversed_y;
	planner->directions[planner->depth++] = direction;
	return true;
}

static bool plan_layer(struct planner *planner, struct error *error)
{
	const struct model_layer *source = next_layer(planner);

	while (planner->next >= planner->directions[planner->depth - 1].end)
		planner->depth--;
	if (planner->channels == 0 && source->type != MODEL_INPUT && source->type != MODEL_SERIES)
		return REFUSED(error, "layer %s: no input before it", source->name);
	switch (source->type) {
	case MODEL_SERIES:
		return true;
	case MODEL_INPUT:
		return plan_input(planner, source, error);
	case MODEL_CONVOLVE:
		if (planner->depth > 1)
			return REFUSED(error, "layer %s: a turned convolution" TAKES_IT, source->name);
		return plan_convolution(planner, source, error);
	case MODEL_X_REVERSED:
	case MODEL_Y_REVERSED:
	case MODEL_TRANSPOSED:
		return plan_wrapper(planner, source, error);
	case MODEL_LSTM_LAYER:
	case MODEL_LSTM_SUMMARY:
		return plan_lstm(planner, source, error);
	case MODEL_SOFTMAX:
		return plan_softmax(planner, source, error);
	case MODEL_MAXPOOL:
	case MODEL_TANH:
		break;
	}
	return REFUSED(error, "layer %s: no convolution before it" TAKES_IT, source->name);
}

/* Multiplications for one step, of all layers. */
static int64_t count_operations(const struct network *network)
{
	int64_t operations = 0;

	for (size_t i = 0; i < network->layer_count; i++) {
		const struct network_layer *layer = &network->layers[i];
		int64_t places = layer->height;

		if (layer->kind == NETWORK_CONVOLVE)
			places *= layer->pool_x;
		for (int gate = 0; gate < (layer->kind == NETWORK_LSTM ? MODEL_GATE_COUNT : 1); gate++)
			operations += places * layer->matrices[gate].rows * (layer->matrices[gate].columns - 1);
	}
	return operations;
}

bool network_plan(struct network *network, struct error *error)
{
	struct planner planner = { .network = network, .model = network->model, .depth = 1 };

	planner.directions[0].end = network->model->layer_count;
	for (; planner.next < network->model->layer_count; planner.next++)
		if (!plan_layer(&planner, error))
			return false;
	if (network->layer_count == 0 || network->layers[network->layer_count - 1].kind != NETWORK_SOFTMAX)
		return REFUSED(error, "the last layer is no softmax" TAKES_IT);
	network->shape.step_operations = count_operations(network);
	return true;
}
