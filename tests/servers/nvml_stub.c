/* A stand-in for libnvidia-ml.so.1, built by the tests with the C compiler and loaded by the real pynvml.
 * NVML_STUB holds words, separated by commas, that make it misbehave:
 *   init=N (nvmlInit fails with error N)   count=N GPUs   lost=I (GPU I is lost)
 *   bare (GPUs tell neither use, nor temperature, nor memory)   odd (a name that is no UTF-8) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Ret;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int gpu, memory; } Utilization;

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, LOST = 15 };
static int opened = 0;

static int word(const char *name, int otherwise) {
    const char *all = getenv("NVML_STUB"), *at = all ? strstr(all, name) : NULL;
    if (!at) return otherwise;
    at += strlen(name);
    return *at == '=' ? atoi(at + 1) : 1;
}

Ret nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    int error = word("init", 0);
    if (!error) opened++;
    return error;
}
Ret nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Ret nvmlShutdown(void) {
    if (!opened) return UNINITIALIZED;
    opened--;
    return OK;
}
const char *nvmlErrorString(Ret error) { return error == 999 ? "Unknown Error" : "Some Error"; }

Ret nvmlDeviceGetCount_v2(unsigned int *count) {
    if (!opened) return UNINITIALIZED;
    *count = word("count", 2);
    return OK;
}
Ret nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    if ((int)index == word("lost", -1)) return LOST;
    *handle = (void *)(size_t)(index + 1);
    return OK;
}
Ret nvmlDeviceGetName(void *handle, char *name, unsigned int length) {
    (void)handle;
    snprintf(name, length, "%s", word("odd", 0) ? "Tesla \xff" : "NVIDIA H100 80GB HBM3");
    return OK;
}
Ret nvmlDeviceGetUUID(void *handle, char *uuid, unsigned int length) {
    snprintf(uuid, length, "GPU-%d", (int)(size_t)handle - 1);
    return OK;
}
Ret nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    if (word("bare", 0)) return NOT_SUPPORTED;
    memory->total = 80ULL << 30;
    memory->used = (unsigned long long)(size_t)handle << 30;
    memory->free = memory->total - memory->used;
    return OK;
}
Ret nvmlDeviceGetUtilizationRates(void *handle, Utilization *use) {
    (void)handle;
    if (word("bare", 0)) return NOT_SUPPORTED;
    use->gpu = 42;
    use->memory = 7;
    return OK;
}
Ret nvmlDeviceGetTemperature(void *handle, int sensor, unsigned int *degrees) {
    (void)handle;
    if (word("bare", 0) || sensor != 0) return NOT_SUPPORTED;
    *degrees = 55;
    return OK;
}
Ret nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    snprintf(version, length, "580.65.06");
    return OK;
}
Ret nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 13000;
    return OK;
}
Ret nvmlSystemGetCudaDriverVersion(int *version) { return nvmlSystemGetCudaDriverVersion_v2(version); }
