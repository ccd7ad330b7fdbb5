// The experiments' own source files, compiled in, so that a page can show the very code that ran wherever the program is.
// An experiment stands here twice, in the order of the site: with its text, and in the table.
#include "CFathomLabListings.h"
#include <stddef.h>
#include <string.h>

// Every compiler that can build this package knows #embed.
#pragma clang diagnostic ignored "-Wc23-extensions"

#define LISTING(name) static const unsigned char name[] = {

LISTING(Neuron)
#embed "../FathomLab/Experiments/Neuron.swift"
, 0};
LISTING(Step)
#embed "../FathomLab/Experiments/Step.swift"
, 0};
LISTING(Activations)
#embed "../FathomLab/Experiments/Activations.swift"
, 0};
LISTING(LinearCollapse)
#embed "../FathomLab/Experiments/LinearCollapse.swift"
, 0};
LISTING(Approximate)
#embed "../FathomLab/Experiments/Approximate.swift"
, 0};
LISTING(Backprop)
#embed "../FathomLab/Experiments/Backprop.swift"
, 0};
LISTING(Zigzag)
#embed "../FathomLab/Experiments/Zigzag.swift"
, 0};
LISTING(Vanishing)
#embed "../FathomLab/Experiments/Vanishing.swift"
, 0};
LISTING(Exploding)
#embed "../FathomLab/Experiments/Exploding.swift"
, 0};
LISTING(BiasDrift)
#embed "../FathomLab/Experiments/BiasDrift.swift"
, 0};
LISTING(ReluSparsity)
#embed "../FathomLab/Experiments/ReluSparsity.swift"
, 0};
LISTING(Amplitude)
#embed "../FathomLab/Experiments/Amplitude.swift"
, 0};
LISTING(Initialisation)
#embed "../FathomLab/Experiments/Initialisation.swift"
, 0};
LISTING(BatchNorm)
#embed "../FathomLab/Experiments/BatchNorm.swift"
, 0};
LISTING(Highway)
#embed "../FathomLab/Experiments/Highway.swift"
, 0};
LISTING(Residual)
#embed "../FathomLab/Experiments/Residual.swift"
, 0};
LISTING(Capsule)
#embed "../FathomLab/Experiments/Capsule.swift"
, 0};
LISTING(Selection)
#embed "../FathomLab/Experiments/Selection.swift"
, 0};
LISTING(Dropout)
#embed "../FathomLab/Experiments/Dropout.swift"
, 0};
LISTING(Softmax)
#embed "../FathomLab/Experiments/Softmax.swift"
, 0};

#define ROW(name) {#name ".swift", name}

static const struct {
    const char *file;
    const unsigned char *text;
} listings[] = {
    ROW(Neuron),
    ROW(Step),
    ROW(Activations),
    ROW(LinearCollapse),
    ROW(Approximate),
    ROW(Backprop),
    ROW(Zigzag),
    ROW(Vanishing),
    ROW(Exploding),
    ROW(BiasDrift),
    ROW(ReluSparsity),
    ROW(Amplitude),
    ROW(Initialisation),
    ROW(BatchNorm),
    ROW(Highway),
    ROW(Residual),
    ROW(Capsule),
    ROW(Selection),
    ROW(Dropout),
    ROW(Softmax),
};

const char *fathom_lab_listing(const char *file) {
    for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++)
        if (strcmp(listings[i].file, file) == 0) return (const char *)listings[i].text;
    return NULL;
}
