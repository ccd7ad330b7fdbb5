// The experiments' own source files, compiled in, so that a page can show the very code that ran wherever the program is.
// One line an experiment.
#include "CFathomLabListings.h"
#include <stddef.h>
#include <string.h>

// Every compiler that can build this package knows #embed.
#pragma clang diagnostic ignored "-Wc23-extensions"

#define LISTING(name) static const unsigned char name[] = {

LISTING(Activations)
#embed "../FathomLab/Experiments/Activations.swift"
, 0};
LISTING(Zigzag)
#embed "../FathomLab/Experiments/Zigzag.swift"
, 0};

#define ROW(name) {#name ".swift", name}

static const struct {
    const char *file;
    const unsigned char *text;
} listings[] = {
    ROW(Activations),
    ROW(Zigzag),
};

const char *fathom_lab_listing(const char *file) {
    for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++)
        if (strcmp(listings[i].file, file) == 0) return (const char *)listings[i].text;
    return NULL;
}
