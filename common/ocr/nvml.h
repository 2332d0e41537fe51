/*
 * How busy a GPU is, as the driver's management library (libnvidia-ml.so.1, NVML) says. It comes with the driver, so it
 * is loaded when it is first asked for, and not there on machines without one.
 *
 * Source: the NVML API reference: nvmlInit_v2, nvmlDeviceGetHandleByPciBusId_v2, nvmlDeviceGetUtilizationRates.
 */
#ifndef FILOT_NVML_H
#define FILOT_NVML_H

#include <stdbool.h>
#include <stdint.h>

/* Of the last sample period, a sixth of a second to a second. */
struct nvml_utilisation {
	int32_t processors_percent; /* of the time in which a kernel ran */
	int32_t memory_percent;	    /* of the time in which memory was read or written */
};

/* `bus`: the GPU's PCI address, "00000000:00:1e.0". False, *utilisation untouched, when it cannot be told. */
bool nvml_utilisation(const char *bus, struct nvml_utilisation *utilisation);

#endif
