#pragma once

#include <stddef.h>

// 1,797 rows of 64 pixels (0...16) and a label (0...9), one byte each, in zlib format.
const unsigned char *fathom_digits_deflated(size_t *count);

// 150 rows of four lengths in tenths of a centimetre and a label (0...2), one byte each.
const unsigned char *fathom_iris_tenths(size_t *count);
