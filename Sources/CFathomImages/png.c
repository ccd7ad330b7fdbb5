#include "fi_decode.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// Where libpng reads, and where it comes back to when it gives up.
typedef struct {
    const uint8_t *bytes;
    size_t count;
    size_t offset;
    fi_error *error;
    int status;
    jmp_buf back;
} source;

static void give_up(png_structp png, png_const_charp message) {
    source *from = png_get_error_ptr(png);
    if (from->status == FI_OK) from->status = FI_DAMAGED;
    from->error->offset = from->offset;
    strncpy(from->error->message, message ? message : "damaged", sizeof from->error->message - 1);
    from->error->message[sizeof from->error->message - 1] = 0;
    longjmp(from->back, 1);
}

static void keep_quiet(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    source *from = png_get_io_ptr(png);
    if (count > from->count - from->offset) {
        from->offset = from->count;
        png_error(png, "the file ends too early");
    }
    memcpy(out, from->bytes + from->offset, count);
    from->offset += count;
}

static png_voidp take(png_structp png, png_alloc_size_t size) {
    void *memory = malloc(size);
    if (!memory) ((source *)png_get_mem_ptr(png))->status = FI_NO_MEMORY;
    return memory;
}

static void give_back(png_structp png, png_voidp memory) {
    (void)png;
    free(memory);
}

// Up to the pixels. Everything beside what the pixels need (texts, profiles, previews) is passed over unread.
static void read_header(png_structp png, png_infop info, source *from, fi_header *header) {
    png_set_read_fn(png, from, read_bytes);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, info);
    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->channels = (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) ? 3 : 1;
    header->working_bytes = 0;
}

static int decode(
    const uint8_t *bytes, size_t count, fi_header *header, uint8_t *pixels, size_t capacity, fi_error *error
) {
    source from = {.bytes = bytes, .count = count, .offset = 0, .error = error, .status = FI_OK};
    memset(error, 0, sizeof *error);
    png_structp png = png_create_read_struct_2(
        PNG_LIBPNG_VER_STRING, &from, give_up, keep_quiet, &from, take, give_back);
    png_infop volatile info = NULL;
    if (!png) return FI_NO_MEMORY;
    if (setjmp(from.back)) {
        png_infop made = info;
        png_destroy_read_struct(&png, &made, NULL);
        return from.status;
    }
    info = png_create_info_struct(png);
    if (!info) {
        from.status = FI_NO_MEMORY;
        png_error(png, "no memory");
    }
    read_header(png, info, &from, header);
    if (pixels) {
        // Eight bits a value, palettes as their colours, without alpha.
        png_set_expand(png);
        png_set_scale_16(png);
        png_set_strip_alpha(png);
        int passes = png_set_interlace_handling(png);
        png_read_update_info(png, info);
        size_t line = (size_t)header->width * header->channels;
        if (png_get_rowbytes(png, info) != line || capacity / header->height != line || capacity % header->height) {
            png_error(png, "the pixels are not what the header says");
        }
        // Later passes fill in between what earlier ones left in the same line.
        for (int pass = 0; pass < passes; pass++) {
            for (size_t y = 0; y < header->height; y++) png_read_row(png, pixels + y * line, NULL);
        }
        png_read_end(png, NULL);
    }
    png_infop made = info;
    png_destroy_read_struct(&png, &made, NULL);
    return FI_OK;
}

int fi_png_header(const uint8_t *bytes, size_t count, fi_header *header, fi_error *error) {
    return decode(bytes, count, header, NULL, 0, error);
}

int fi_png_decode(
    const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t working_limit, fi_error *error
) {
    (void)working_limit;
    fi_header header;
    return decode(bytes, count, &header, pixels, capacity, error);
}
