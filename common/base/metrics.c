/*
 * A registry is a hash table of chains that only grow. Readers walk a chain by atomic loads and take no lock; who makes a
 * series holds the mutex, looks again and puts it at the chain's head. Series are also kept in the order of their making,
 * for rendering and publishing.
 *
 * A series is found by its family and the text of its labels as OpenMetrics writes them, so rendering only copies it.
 */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"

#define CHAINS 512
#define VALUE_LONGEST 100
#define LABELS_SIZE 1024 /* three values of 100 bytes, each escaped to twice or replaced by thrice, and their names */

struct cell {
	atomic_llong value;
	long long taken; /* what metrics_take has given out; the publisher's */
};

struct series {
	const struct metric_family *family;
	_Atomic(struct series *) next;
	char *labels;	     /* name="value",…; "" when there are none */
	size_t bound_count;  /* histograms */
	struct cell first;   /* counter: its value; histogram: the sum in us; gauge: the bits of a double */
	struct cell cells[]; /* histograms: one for each bound and one above them, not cumulative */
};

struct metrics {
	_Atomic(struct series *) chains[CHAINS];
	pthread_mutex_t mutex; /* making a series */
	struct series *all[METRICS_MOST_SERIES];
	atomic_size_t count;
	atomic_llong lost;
};

struct metrics *metrics_new(struct error *error)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);
	if (!metrics) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for metrics");
		return NULL;
	}
	(void)pthread_mutex_init(&metrics->mutex, NULL);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t index = 0; index < atomic_load(&metrics->count); index++) {
		free(metrics->all[index]->labels);
		free(metrics->all[index]);
	}
	(void)pthread_mutex_destroy(&metrics->mutex);
	free(metrics);
}

/* ---- labels ---- */

struct text {
	char bytes[LABELS_SIZE];
	size_t length;
};

static void put(struct text *text, const char *bytes, size_t length)
{
	if (length < sizeof text->bytes - text->length) {
		memcpy(text->bytes + text->length, bytes, length);
		text->length += length;
		text->bytes[text->length] = '\0';
	}
}

/* How many bytes from here on need no thought: printable ASCII but for quotes and backslashes. */
static size_t plain_length(const char *text, size_t most)
{
	size_t length = 0;
	for (; length < most; length++) {
		unsigned char byte = (unsigned char)text[length];
		if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\')
			break;
	}
	return length;
}

/* Escaped as OpenMetrics demands: \\, \" and \n. */
static void put_value(struct text *text, const char *value)
{
	size_t length = strnlen(value, VALUE_LONGEST + 4);
	for (size_t at = 0; at < length && at < VALUE_LONGEST;) {
		size_t plain = plain_length(value + at, (length < VALUE_LONGEST ? length : VALUE_LONGEST) - at);
		put(text, value + at, plain);
		at += plain;
		if (at == length || at == VALUE_LONGEST)
			break;
		size_t step = json_text_utf8_length(value + at, length - at);
		if (at + (step ? step : 1) > VALUE_LONGEST)
			break;
		if (!step)
			put(text, "\xef\xbf\xbd", 3);
		else if (value[at] == '\n')
			put(text, "\\n", 2);
		else if (value[at] == '"' || value[at] == '\\')
			put(text, (const char[]){ '\\', value[at] }, 2);
		else
			put(text, value + at, step);
		at += step ? step : 1;
	}
}

static void write_labels(struct text *text, const struct metric_family *family, const char *const *values)
{
	text->length = 0;
	text->bytes[0] = '\0';
	for (size_t index = 0; family->labels[index]; index++) {
		const char *value = *values ? *values++ : "";
		if (index)
			put(text, ",", 1);
		put(text, family->labels[index], strlen(family->labels[index]));
		put(text, "=\"", 2);
		put_value(text, value);
		put(text, "\"", 1);
	}
}

/* The end of one escaped value, its closing quote; NULL when it is none. */
static const char *value_end(const char *at, const char *end)
{
	while (at < end && *at != '"') {
		size_t step = json_text_utf8_length(at, (size_t)(end - at));
		if (*at == '\\' && at + 1 < end && strchr("\\\"n", at[1]) && at[1])
			step = 2;
		else if (*at == '\\' || *at == '\n')
			step = 0;
		if (!step)
			return NULL;
		at += step;
	}
	return at < end ? at : NULL;
}

/* True when the text is the family's labels as write_labels writes them. */
static bool labels_valid(const struct metric_family *family, const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	if (length >= LABELS_SIZE)
		return false;
	for (size_t index = 0; family->labels[index]; index++) {
		char begin[64];
		int size = snprintf(begin, sizeof begin, "%s%s=\"", index ? "," : "", family->labels[index]);
		if (size < 0 || end - at < size || memcmp(at, begin, (size_t)size) != 0)
			return false;
		at = value_end(at + size, end);
		if (!at)
			return false;
		at++;
	}
	return at == end;
}

/* ---- series ---- */

static _Atomic(struct series *) *chain_of(const struct metrics *metrics, const struct metric_family *family,
					  const char *labels)
{
	uint64_t hash = (uint64_t)(family - metric_families) + UINT64_C(14695981039346656037); /* FNV-1a */
	for (const char *at = labels; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	return (_Atomic(struct series *) *)&metrics->chains[(hash ^ hash >> 32) % CHAINS];
}

static struct series *find(const struct metrics *metrics, const struct metric_family *family, const char *labels)
{
	struct series *series = atomic_load_explicit(chain_of(metrics, family, labels), memory_order_acquire);
	while (series && (series->family != family || strcmp(series->labels, labels) != 0))
		series = atomic_load_explicit(&series->next, memory_order_acquire);
	return series;
}

static struct series *make(struct metrics *metrics, const struct metric_family *family, const char *labels)
{
	size_t bounds = 0, count = atomic_load(&metrics->count);
	while (family->bounds_us && family->bounds_us[bounds])
		bounds++;
	size_t cells = family->kind == METRIC_HISTOGRAM ? bounds + 1 : 0;
	struct series *series = NULL;
	if (count < METRICS_MOST_SERIES)
		series = calloc(1, sizeof *series + cells * sizeof *series->cells);
	char *copy = series ? strdup(labels) : NULL;
	if (!copy) {
		free(series);
		return NULL;
	}
	series->family = family;
	series->labels = copy;
	series->bound_count = bounds;
	_Atomic(struct series *) *chain = chain_of(metrics, family, labels);
	atomic_store_explicit(&series->next, atomic_load(chain), memory_order_relaxed);
	metrics->all[count] = series;
	atomic_store_explicit(&metrics->count, count + 1, memory_order_release);
	atomic_store_explicit(chain, series, memory_order_release);
	return series;
}

static struct series *find_or_make(struct metrics *metrics, const struct metric_family *family, const char *labels)
{
	struct series *series = find(metrics, family, labels);
	if (series)
		return series;
	(void)pthread_mutex_lock(&metrics->mutex);
	series = find(metrics, family, labels);
	if (!series)
		series = make(metrics, family, labels);
	(void)pthread_mutex_unlock(&metrics->mutex);
	if (!series)
		atomic_fetch_add(&metrics->lost, 1);
	return series;
}

static struct series *series_of(struct metrics *metrics, enum metric_name name, const char *const *labels)
{
	struct text text;
	if (!metrics)
		return NULL;
	write_labels(&text, &metric_families[name], labels);
	return find_or_make(metrics, &metric_families[name], text.bytes);
}

/* ---- counting ---- */

static void cell_add(struct cell *cell, int64_t amount)
{
	atomic_fetch_add_explicit(&cell->value, amount, memory_order_relaxed);
}

static long long cell_value(const struct cell *cell)
{
	return atomic_load_explicit(&cell->value, memory_order_relaxed);
}

static void gauge_set(struct series *series, double value)
{
	long long bits;
	_Static_assert(sizeof bits == sizeof value, "a gauge is kept as the bits of its value");
	memcpy(&bits, &value, sizeof bits);
	atomic_store_explicit(&series->first.value, bits, memory_order_relaxed);
}

static double gauge_value(const struct series *series)
{
	double value;
	long long bits = cell_value(&series->first);
	memcpy(&value, &bits, sizeof value);
	return value;
}

static size_t bucket_of(const struct series *series, int64_t us)
{
	size_t index = 0;
	while (index < series->bound_count && us > series->family->bounds_us[index])
		index++;
	return index;
}

void metrics_add_to(struct metrics *metrics, enum metric_name name, int64_t amount, const char *const *labels)
{
	struct series *series = series_of(metrics, name, labels);
	if (series && series->family->kind == METRIC_COUNTER && amount > 0)
		cell_add(&series->first, amount);
}

void metrics_set_to(struct metrics *metrics, enum metric_name name, double value, const char *const *labels)
{
	struct series *series = series_of(metrics, name, labels);
	if (series && series->family->kind == METRIC_GAUGE)
		gauge_set(series, value);
}

void metrics_observe_us(struct metrics *metrics, enum metric_name name, int64_t us, const char *const *labels)
{
	struct series *series = series_of(metrics, name, labels);
	if (!series || series->family->kind != METRIC_HISTOGRAM)
		return;
	us = us > 0 ? us : 0;
	cell_add(&series->cells[bucket_of(series, us)], 1);
	cell_add(&series->first, us);
}

static int64_t series_total(const struct series *series)
{
	if (series->family->kind == METRIC_COUNTER)
		return cell_value(&series->first);
	int64_t total = 0;
	for (size_t index = 0; series->family->kind == METRIC_HISTOGRAM && index <= series->bound_count; index++)
		total += cell_value(&series->cells[index]);
	return total;
}

int64_t metrics_value(const struct metrics *metrics, enum metric_name name, const char *const *labels)
{
	struct text text;
	write_labels(&text, &metric_families[name], labels);
	const struct series *series = find(metrics, &metric_families[name], text.bytes);
	return series ? series_total(series) : 0;
}

int64_t metrics_sum(const struct metrics *metrics, enum metric_name name, int label, const char *value)
{
	const struct metric_family *family = &metric_families[name];
	struct text wanted = { 0 };
	int64_t sum = 0;
	if (label >= 0) {
		put(&wanted, family->labels[label], strlen(family->labels[label]));
		put(&wanted, "=\"", 2);
		put_value(&wanted, value);
		put(&wanted, "\"", 1);
	}
	for (size_t index = 0; index < atomic_load(&metrics->count); index++) {
		const struct series *series = metrics->all[index];
		const char *at = strstr(series->labels, wanted.bytes);
		/* At its beginning or after a comma: not in a value, whose quotes are escaped, nor at another name's end. */
		while (at && at != series->labels && at[-1] != ',')
			at = strstr(at + 1, wanted.bytes);
		if (series->family == family && at)
			sum += series_total(series);
	}
	return sum;
}

int64_t metrics_lost(const struct metrics *metrics)
{
	return atomic_load(&metrics->lost);
}

/* ---- OpenMetrics ---- */

static void write_seconds(struct buffer *text, int64_t us)
{
	buffer_printf(text, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
}

static void write_sample(struct buffer *text, const struct series *series, const char *suffix)
{
	const char *labels = series->labels;
	buffer_printf(text, *labels ? "%s%s{%s} " : "%s%s%s ", series->family->name, suffix, labels);
}

static void write_number(struct buffer *text, double value)
{
	if (value >= -1e15 && value <= 1e15 && value == (double)(int64_t)value)
		buffer_printf(text, "%" PRId64, (int64_t)value);
	else
		buffer_printf(text, "%.17g", value);
}

static void write_histogram(struct buffer *text, const struct series *series)
{
	const struct metric_family *family = series->family;
	const char *comma = *series->labels ? "," : "";
	int64_t count = 0;
	for (size_t index = 0; index <= series->bound_count; index++) {
		count += cell_value(&series->cells[index]);
		buffer_printf(text, "%s_bucket{%s%sle=\"", family->name, series->labels, comma);
		if (index < series->bound_count)
			buffer_printf(text, "%.9g", (double)family->bounds_us[index] / 1e6);
		else
			buffer_append_string(text, "+Inf");
		/* OpenMetrics wants bounds as canonical floats: 1.0, not 1. */
		if (index < series->bound_count && family->bounds_us[index] % 1000000 == 0)
			buffer_append_string(text, ".0");
		buffer_printf(text, "\"} %" PRId64 "\n", count);
	}
	write_sample(text, series, "_count");
	buffer_printf(text, "%" PRId64 "\n", count);
	write_sample(text, series, "_sum");
	write_seconds(text, cell_value(&series->first));
	buffer_append_char(text, '\n');
}

static void write_series(struct buffer *text, const struct series *series)
{
	switch (series->family->kind) {
	case METRIC_COUNTER:
		write_sample(text, series, "_total");
		buffer_printf(text, "%lld\n", cell_value(&series->first));
		break;
	case METRIC_GAUGE:
		write_sample(text, series, "");
		write_number(text, gauge_value(series));
		buffer_append_char(text, '\n');
		break;
	default:
		write_histogram(text, series);
	}
}

static void write_head(struct buffer *text, const struct metric_family *family)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	buffer_printf(text, "# TYPE %s %s\n", family->name, kinds[family->kind]);
	if (family->unit)
		buffer_printf(text, "# UNIT %s %s\n", family->name, family->unit);
	buffer_printf(text, "# HELP %s %s\n", family->name, family->help);
}

void metrics_render(const struct metrics *metrics, struct buffer *text)
{
	size_t count = atomic_load_explicit(&metrics->count, memory_order_acquire);
	for (size_t name = 0; name < METRIC_NAME_COUNT; name++) {
		bool first = true;
		for (size_t index = 0; index < count; index++) {
			const struct series *series = metrics->all[index];
			if (series->family != &metric_families[name])
				continue;
			if (first)
				write_head(text, series->family);
			first = false;
			write_series(text, series);
		}
	}
	buffer_append_string(text, "# EOF\n");
}

/* ---- away and back ---- */

static void take_cell(struct cell *cell, const struct series *series, const char *what, metrics_visit *visit, void *context)
{
	char name[LABELS_SIZE + 128];
	long long value = cell_value(cell);
	if (value == cell->taken)
		return;
	(void)snprintf(name, sizeof name, "%s{%s}%s%s", series->family->name, series->labels, *what ? " " : "", what);
	visit(context, name, value - cell->taken);
	cell->taken = value;
}

void metrics_take(struct metrics *metrics, metrics_visit *visit, void *context)
{
	size_t count = atomic_load_explicit(&metrics->count, memory_order_acquire);
	for (size_t index = 0; index < count; index++) {
		struct series *series = metrics->all[index];
		if (series->family->kind == METRIC_COUNTER)
			take_cell(&series->first, series, "", visit, context);
		if (series->family->kind != METRIC_HISTOGRAM)
			continue;
		for (size_t bucket = 0; bucket <= series->bound_count; bucket++) {
			char bound[24] = "inf";
			if (bucket < series->bound_count)
				(void)snprintf(bound, sizeof bound, "%" PRId64, series->family->bounds_us[bucket]);
			take_cell(&series->cells[bucket], series, bound, visit, context);
		}
		take_cell(&series->first, series, "sum_us", visit, context);
	}
}

static bool is_of_process(const struct metric_family *family)
{
	bool process = false;
	for (size_t index = 0; family->labels[index]; index++)
		process |= strcmp(family->labels[index], "process") == 0;
	return family->kind == METRIC_GAUGE && process;
}

void metrics_gauges(const struct metrics *metrics, struct buffer *text)
{
	size_t count = atomic_load_explicit(&metrics->count, memory_order_acquire);
	for (size_t index = 0; index < count; index++) {
		const struct series *series = metrics->all[index];
		if (!is_of_process(series->family))
			continue;
		buffer_printf(text, "%s{%s} ", series->family->name, series->labels);
		write_number(text, gauge_value(series));
		buffer_append_char(text, '\n');
	}
}

/* The series of "FAMILY{LABELS}", made when it was not there; *rest is what follows. NULL when it is no such name. */
static struct series *series_named(struct metrics *metrics, const char *cell, const char **rest)
{
	const char *open = strchr(cell, '{'), *close = strrchr(cell, '}');
	if (!open || !close || close < open)
		return NULL;
	size_t name_length = (size_t)(open - cell), labels_length = (size_t)(close - open) - 1;
	const struct metric_family *family = NULL;
	for (size_t name = 0; name < METRIC_NAME_COUNT && !family; name++)
		if (strlen(metric_families[name].name) == name_length &&
		    memcmp(metric_families[name].name, cell, name_length) == 0)
			family = &metric_families[name];
	if (!family || !labels_valid(family, open + 1, labels_length))
		return NULL;
	struct text labels = { 0 };
	put(&labels, open + 1, labels_length);
	*rest = close + 1;
	return find_or_make(metrics, family, labels.bytes);
}

static bool restore_bucket(struct series *series, const char *bound, int64_t amount)
{
	size_t index = series->bound_count;
	if (strcmp(bound, "inf") != 0) {
		char *end;
		long long us = strtoll(bound, &end, 10);
		if (end == bound || *end || us <= 0)
			return false;
		index = bucket_of(series, us);
	}
	cell_add(&series->cells[index], amount);
	return true;
}

bool metrics_restore(struct metrics *metrics, const char *cell, int64_t amount)
{
	const char *rest;
	if (amount < 0)
		return false;
	struct series *series = series_named(metrics, cell, &rest);
	if (!series)
		return false;
	if (series->family->kind == METRIC_COUNTER && !*rest) {
		cell_add(&series->first, amount);
		return true;
	}
	if (series->family->kind != METRIC_HISTOGRAM || *rest != ' ')
		return false;
	if (strcmp(rest, " sum_us") != 0)
		return restore_bucket(series, rest + 1, amount);
	cell_add(&series->first, amount);
	return true;
}

bool metrics_restore_gauge(struct metrics *metrics, const char *cell, double value)
{
	const char *rest;
	struct series *series = series_named(metrics, cell, &rest);
	if (!series || series->family->kind != METRIC_GAUGE || *rest)
		return false;
	gauge_set(series, value);
	return true;
}
