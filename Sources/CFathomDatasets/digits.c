#include "CFathomDatasets.h"
