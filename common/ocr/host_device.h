/* Functions that a C compiler makes for the host, and nvcc for the host and for devices. */
#ifndef FILOT_HOST_DEVICE_H
#define FILOT_HOST_DEVICE_H

#ifdef __CUDACC__
#define HOST_DEVICE static inline __host__ __device__
#else
#define HOST_DEVICE static inline
#endif

#endif
