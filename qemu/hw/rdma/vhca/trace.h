#include "trace/trace-hw_rdma_vhca.h"
