/* Word graphs: a small one made by hand, those of models, and what is none. */
#include "common/ocr/dawg.h"

#include "tests/unit/decode_data.h"
#include "tests/unit/sample_page.h"
#include "tests/unit/test.h"

#define ALPHABET 6 /* so letters take ceil(log2(7)) = 3 bits */
#define LAST 1u
#define BACKWARD 2u
#define WORD_END 4u

struct graph {
	uint8_t bytes[256];
	size_t length;
	uint32_t edge_count;
};

static void graph_open(struct graph *graph, uint16_t magic, uint32_t alphabet)
{
	*graph = (struct graph){ .length = 10 };
	memcpy(graph->bytes, &magic, 2);
	memcpy(graph->bytes + 2, &alphabet, 4);
}

static void graph_edge(struct graph *graph, uint64_t letter, unsigned flags, uint64_t next)
{
	uint64_t edge = letter | (uint64_t)flags << 3 | next << 6;

	memcpy(graph->bytes + graph->length, &edge, 8);
	graph->length += 8;
	graph->edge_count++;
	memcpy(graph->bytes + 6, &graph->edge_count, 4);
}

static struct dawg *graph_load(const struct graph *graph, struct error *error)
{
	return dawg_new(graph->bytes, graph->length, ALPHABET, error);
}

/* "1 2", "1 2 3", "2", "5 3". */
static struct graph small_graph(void)
{
	struct graph graph;

	graph_open(&graph, 42, ALPHABET);
	graph_edge(&graph, 1, 0, 3);
	graph_edge(&graph, 2, WORD_END, 0);
	graph_edge(&graph, 5, LAST, 4);
	graph_edge(&graph, 2, WORD_END | LAST, 4);
	graph_edge(&graph, 3, WORD_END | LAST, 0);
	return graph;
}

static bool contains(const struct dawg *dawg, const int32_t *letters, size_t count)
{
	uint32_t node = DAWG_ROOT;

	for (size_t i = 0; i < count; i++) {
		int32_t edge = i > 0 && node == DAWG_ROOT ? DAWG_NO_EDGE : dawg_find(dawg, node, letters[i]);

		if (edge == DAWG_NO_EDGE)
			return false;
		if (i == count - 1)
			return dawg_word_ends(dawg, edge);
		node = dawg_next(dawg, edge);
	}
	return false;
}

static void a_graph_holds_its_words_and_no_others(void)
{
	struct graph graph = small_graph();
	struct error error = { 0 };
	struct dawg *dawg = graph_load(&graph, &error);
	int words = 0;

	CHECK_STRING(error.message, "");
	if (!dawg)
		return;
	CHECK(contains(dawg, (const int32_t[]){ 1, 2 }, 2));
	CHECK(contains(dawg, (const int32_t[]){ 1, 2, 3 }, 3));
	CHECK(contains(dawg, (const int32_t[]){ 2 }, 1));
	CHECK(contains(dawg, (const int32_t[]){ 5, 3 }, 2));
	for (int32_t a = 0; a < ALPHABET; a++) {
		words += contains(dawg, &a, 1);
		for (int32_t b = 0; b < ALPHABET; b++) {
			words += contains(dawg, (const int32_t[]){ a, b }, 2);
			for (int32_t c = 0; c < ALPHABET; c++)
				words += contains(dawg, (const int32_t[]){ a, b, c }, 3);
		}
	}
	CHECK_INTEGER(words, 4);
	dawg_free(dawg);
}

static void letters_take_as_many_bits_as_the_alphabet_and_one_more_need(void)
{
	/* With 7 letters the eighth value is the writer's null, so 3 bits; with 8, 4 bits. */
	for (uint32_t alphabet = 1; alphabet <= 32767; alphabet = alphabet * 2 + (alphabet % 3 == 0)) {
		uint8_t bytes[18] = { 42 };
		unsigned bits = 0;
		uint32_t edges = 1;

		while (1u << bits < alphabet + 1)
			bits++;
		memcpy(bytes + 2, &alphabet, 4);
		memcpy(bytes + 6, &edges, 4);
		uint64_t edge = (alphabet - 1) | (uint64_t)(LAST | WORD_END) << bits;
		memcpy(bytes + 10, &edge, 8);
		struct dawg *dawg = dawg_new(bytes, sizeof bytes, (int32_t)alphabet, NULL);
		CHECK(dawg && dawg_find(dawg, DAWG_ROOT, (int32_t)alphabet - 1) == 0);
		dawg_free(dawg);
	}
}

static void graphs_of_models_hold_known_words(void)
{
	struct decode_data data = decode_data_open("eng");
	static const char *const words[] = { "abuse", "thirty", "wall", "white", "wal", "zzzz", "walll" };
	int found = 0;

	/* The first four are among the words that were kept; letters of English are one unichar each. */
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		int32_t letters[16];
		size_t count = 0;

		for (const char *letter = words[i]; *letter; letter++)
			for (int32_t id = 0; id < data.unicharset->count; id++)
				if (data.unicharset->unichars[id].text[0] == *letter &&
				    !data.unicharset->unichars[id].text[1])
					letters[count++] = id;
		found += contains(data.dawgs[1], letters, count);
	}
	CHECK_INTEGER(found, 4);
	/* In the punctuation graph: a word with nothing around it. */
	CHECK(contains(data.dawgs[0], (const int32_t[]){ DAWG_PATTERN }, 1));
	decode_data_close(&data);
}

static void what_is_no_graph_is_refused(void)
{
	static const struct {
		uint64_t letter, next;
		unsigned edge, flags;
		const char *message;
	} cases[] = {
		{ 7, 0, 3, WORD_END | LAST, "word graph: edge 3 is out of range" }, /* a letter */
		{ 6, 0, 3, WORD_END | LAST, "word graph: edge 3 is out of range" },
		{ 2, 5, 3, WORD_END | LAST, "word graph: edge 3 is out of range" }, /* a node */
		{ 2, 1ull << 57, 3, WORD_END | LAST, "word graph: edge 3 is out of range" },
		{ 2, 0, 3, WORD_END | LAST | BACKWARD, "word graph: edge 3 is out of range" },
		{ 2, 0, 3, LAST, "word graph: edge 3 leads nowhere" },
		{ 2, 1, 3, LAST, "word graph: edge 3 leads into the middle of a node" },
		{ 3, 0, 4, WORD_END, "word graph: the last node has no end" },
		{ 1, 0, 1, WORD_END, "word graph: the root's letters do not ascend" },
		{ 2, 3, 3, LAST, "word graph: has a cycle" }, /* a node to itself */
		{ 3, 3, 4, LAST, "word graph: has a cycle" }, /* and by another */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct graph graph = small_graph();
		struct error error = { 0 };
		uint64_t edge = cases[i].letter | (uint64_t)cases[i].flags << 3 | cases[i].next << 6;

		memcpy(graph.bytes + 10 + 8 * cases[i].edge, &edge, 8);
		CHECK(graph_load(&graph, &error) == NULL);
		CHECK_STRING(error.message, cases[i].message);
		CHECK_INTEGER(error.code, ERROR_CONFIG);
	}
	struct graph graph;
	graph_open(&graph, 42, ALPHABET);
	CHECK(graph_load(&graph, NULL) == NULL); /* no edge */
	graph_open(&graph, 43, ALPHABET);
	graph_edge(&graph, 1, LAST | WORD_END, 0);
	CHECK(graph_load(&graph, NULL) == NULL); /* another magic number */
	graph_open(&graph, 42, ALPHABET + 1);
	graph_edge(&graph, 1, LAST | WORD_END, 0);
	CHECK(graph_load(&graph, NULL) == NULL); /* another alphabet */
	graph = small_graph();
	graph.length++;
	CHECK(graph_load(&graph, NULL) == NULL); /* one byte too many */
	for (size_t length = 0; length < graph.length - 1; length++)
		CHECK(dawg_new(graph.bytes, length, ALPHABET, NULL) == NULL);
}

/* Letters that the graph has, in a walk of random edges: it ends by itself. */
static size_t walk_length(const struct dawg *dawg, unsigned *state)
{
	uint32_t node = DAWG_ROOT;
	size_t steps = 0;

	do {
		uint32_t edge = node;

		while (!(dawg->letters[edge] & DAWG_LETTER_LAST) && sample_random(state, 3) > 0)
			edge++;
		int32_t letter = (int32_t)(dawg->letters[edge] & ~DAWG_LETTER_LAST);
		CHECK(letter < dawg->alphabet && dawg_find(dawg, node, letter) != DAWG_NO_EDGE);
		node = dawg_next(dawg, (int32_t)edge);
		CHECK(node < dawg->edge_count);
	} while (++steps <= dawg->edge_count && node != DAWG_ROOT);
	return steps;
}

static void walks_in_flipped_graphs_that_load_end(void)
{
	struct decode_data data = decode_data_open("deu");
	unsigned state = sample_seed();
	int loaded = 0;

	for (int i = 0; i < 400; i++) {
		int which = i % 3;
		uint32_t length = data.entry_lengths[ENTRY_PUNCTUATION + which];
		uint8_t *copy = malloc(length);

		if (!copy)
			break;
		memcpy(copy, data.entries[ENTRY_PUNCTUATION + which], length);
		for (unsigned flips = sample_random(&state, 3); flips > 0; flips--)
			copy[sample_random(&state, length)] ^= (uint8_t)(1 << sample_random(&state, 8));
		struct dawg *dawg = dawg_new(copy, length, data.unicharset->count, NULL);
		for (int walk = 0; dawg && walk < 20; walk++)
			CHECK(walk_length(dawg, &state) <= dawg->edge_count);
		loaded += dawg != NULL;
		dawg_free(dawg);
		free(copy);
	}
	CHECK(loaded > 0);
	decode_data_close(&data);
}

int main(void)
{
	TEST(a_graph_holds_its_words_and_no_others);
	TEST(letters_take_as_many_bits_as_the_alphabet_and_one_more_need);
	TEST(graphs_of_models_hold_known_words);
	TEST(what_is_no_graph_is_refused);
	TEST(walks_in_flipped_graphs_that_load_end);
	return test_done();
}
