/* NVML by dlopen. Its structures are those of nvml.h, whose numbers are fixed by the driver's ABI. */
#include "common/ocr/nvml.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#define LIBRARY "libnvidia-ml.so.1"

struct rates {
	unsigned int gpu, memory; /* nvmlUtilization_t */
};

/* What was found, once a process; there is nothing to close it for. */
static struct {
	int (*handle)(const char *bus, void **device);
	int (*rates)(void *device, struct rates *rates);
	bool is_there;
} nvml;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	int (*init)(void) = NULL;

	if (!library)
		return;
	*(void **)&init = dlsym(library, "nvmlInit_v2");
	*(void **)&nvml.handle = dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2");
	*(void **)&nvml.rates = dlsym(library, "nvmlDeviceGetUtilizationRates");
	nvml.is_there = init && nvml.handle && nvml.rates && init() == 0;
}

bool nvml_utilisation(const char *bus, struct nvml_utilisation *utilisation)
{
	struct rates rates;
	void *device;

	(void)pthread_once(&once, load);
	if (!nvml.is_there || nvml.handle(bus, &device) != 0 || nvml.rates(device, &rates) != 0)
		return false;
	*utilisation = (struct nvml_utilisation){ .processors_percent = (int32_t)rates.gpu,
						  .memory_percent = (int32_t)rates.memory };
	return true;
}
