// PNG and JPEG in memory to bytes, over libpng and libjpeg.
//
// Both libraries report errors by longjmp. That stays within these functions: each returns 0 or a status, prints nothing,
// ends nothing, and frees what it took. Sizes are read first (fi_*_header), so that the caller can refuse them before it
// makes the memory that fi_*_decode fills.
#ifndef FATHOM_IMAGES_DECODE_H
#define FATHOM_IMAGES_DECODE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t width;
    uint32_t height;
    // What fi_*_decode gives for each pixel: 1 grey value, or 3 for red, green and blue. Alpha is left out.
    uint32_t channels;
    // What decoding needs beside the pixels handed out, in bytes: the whole picture, where it is stored in passes.
    uint64_t working_bytes;
} fi_header;

enum {
    FI_OK = 0,
    // The library or this file found the bytes damaged; the message says how.
    FI_DAMAGED = 1,
    // There was no memory.
    FI_NO_MEMORY = 2,
};

typedef struct {
    // How many bytes had been read when the mistake was seen.
    size_t offset;
    char message[200];
} fi_error;

// The size of a picture, from its first bytes. On failure the error is filled.
int fi_png_header(const uint8_t *bytes, size_t count, fi_header *header, fi_error *error);
int fi_jpeg_header(const uint8_t *bytes, size_t count, fi_header *header, fi_error *error);

// All pixels, line after line, channels together, into `pixels`, whose `capacity` must be width · height · channels as the
// header says. At most `working_limit` bytes are taken beside it. On failure the pixels are of no use.
int fi_png_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t working_limit, fi_error *error);
int fi_jpeg_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t working_limit, fi_error *error);

#endif
