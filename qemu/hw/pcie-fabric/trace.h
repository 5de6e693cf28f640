#include "trace/trace-hw_pcie_fabric.h"
