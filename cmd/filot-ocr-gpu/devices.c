/* The list of --devices. */
#include "devices.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/json_text.h"
#include "common/ocr/network_gpus.h"
#include "engine.h"

#define MIB (INT64_C(1) << 20)

/* What is printed of one. */
struct device {
	const char *backend;
	const struct network_gpu_figures *gpu; /* NULL: the processor */
	bool runs, used;
	const char *reason; /* why it does not run; NULL */
};

static void append_member(struct buffer *line, const char *name, const char *text)
{
	buffer_printf(line, ",\"%s\":", name);
	json_text_string(line, text, strlen(text));
}

static void write_json(const struct device *device, struct buffer *line)
{
	const struct network_gpu_figures *gpu = device->gpu;
	buffer_printf(line, "{\"v\":1,\"backend\":\"%s\",\"runs\":%s,\"used\":%s", device->backend,
		      device->runs ? "true" : "false", device->used ? "true" : "false");
	if (gpu) {
		buffer_printf(line, ",\"gpu\":%d", gpu->number);
		append_member(line, "name", gpu->name);
		append_member(line, "bus", gpu->bus);
		buffer_printf(line,
			      ",\"compute\":\"%d.%d\",\"processors\":%d,\"shared_bytes\":%d,\"memory_bytes\":%" PRId64
			      ",\"limit_bytes\":%" PRId64 ",\"streams\":%d",
			      gpu->major, gpu->minor, gpu->processors, gpu->shared_bytes, gpu->memory_bytes,
			      gpu->limit_bytes, gpu->streams);
	}
	if (device->reason)
		append_member(line, "reason", device->reason);
	buffer_append_string(line, "}\n");
}

static void write_row(const struct device *device, struct buffer *line)
{
	const struct network_gpu_figures *gpu = device->gpu;
	buffer_printf(line, "%-4s %-11s ", device->used ? "use" : "", device->backend);
	if (gpu)
		buffer_printf(line, "GPU %d: %s, compute %d.%d, %d processors, %" PRId64 " MiB, at most %" PRId64 " MiB",
			      gpu->number, gpu->name, gpu->major, gpu->minor, gpu->processors, gpu->memory_bytes / MIB,
			      gpu->limit_bytes / MIB);
	else
		buffer_append_string(line, device->reason ? device->reason : device->runs ? "runs here" : "does not run here");
	buffer_append_string(line, "\n");
}

static void print(const struct device *device)
{
	struct buffer line = { 0 };
	if (isatty(STDOUT_FILENO))
		write_row(device, &line);
	else
		write_json(device, &line);
	if (!line.failed)
		(void)fwrite(line.data, 1, line.length, stdout);
	buffer_free(&line);
}

/* All GPUs there are, those of `used` marked; or why there is none. */
static void print_gpus(const struct network_gpu_figures *used, size_t used_count)
{
	struct network_gpu_figures all[NETWORK_GPUS_MOST];
	struct error error = { 0 };
	struct network_gpus *gpus = network_gpus_open(&(struct network_gpus_options){ .streams = 1 }, &error);
	size_t count = gpus ? network_gpus_figures(gpus, all, NETWORK_GPUS_MOST) : 0;
	for (size_t index = 0; index < count; index++) {
		const struct network_gpu_figures *gpu = &all[index];
		bool is_used = false;
		for (size_t other = 0; other < used_count; other++)
			if (used[other].number == gpu->number) {
				is_used = true;
				gpu = &used[other];
			}
		print(&(struct device){ .backend = "cuda", .gpu = gpu, .runs = true, .used = is_used });
	}
	if (!gpus)
		print(&(struct device){ .backend = "cuda", .reason = error.message });
	network_gpus_close(gpus);
}

bool devices_print(const struct ocr_settings *settings, struct error *error)
{
	struct network_gpu_figures used[NETWORK_GPUS_MOST];
	enum network_backend backend = NETWORK_BACKEND_COUNT;
	struct network_gpus *gpus = NULL;
	size_t used_count = 0;
	bool chosen = engine_choose(settings, &backend, &gpus, error);
	if (gpus)
		used_count = network_gpus_figures(gpus, used, NETWORK_GPUS_MOST);
	network_gpus_close(gpus);
	for (enum network_backend each = 0; each < NETWORK_CUDA; each++)
		print(&(struct device){ .backend = network_backend_name(each),
					.runs = network_backend_runs(each),
					.used = chosen && each == backend });
	print_gpus(used, used_count);
	return fflush(stdout) == 0 ? chosen : error_set(error, ERROR_INTERNAL, "writing standard output failed");
}
