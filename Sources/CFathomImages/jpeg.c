#include "fi_decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct {
    struct jpeg_error_mgr manager;
    // The picture's scans; a file of many thousand would keep a processor busy for hours.
    struct jpeg_progress_mgr progress;
    const uint8_t *bytes;
    size_t count;
    fi_error *error;
    int status;
    jmp_buf back;
} handler;

enum { MOST_SCANS = 200 };

static void give_up_saying(j_common_ptr common, const char *message) {
    handler *to = (handler *)common->err;
    struct jpeg_source_mgr *from = common->is_decompressor ? ((j_decompress_ptr)common)->src : NULL;
    // At the end of the file the library goes over to bytes of its own.
    uintptr_t start = (uintptr_t)to->bytes, now = from ? (uintptr_t)from->next_input_byte : start;
    to->error->offset = now >= start && now - start <= to->count ? now - start : to->count;
    snprintf(to->error->message, sizeof to->error->message, "%s", message);
    if (to->status == FI_OK) to->status = FI_DAMAGED;
    longjmp(to->back, 1);
}

static void give_up(j_common_ptr common) {
    char message[JMSG_LENGTH_MAX];
    (*common->err->format_message)(common, message);
    if (common->err->msg_code == JERR_OUT_OF_MEMORY || common->err->msg_code == JERR_NO_BACKING_STORE) {
        ((handler *)common->err)->status = FI_NO_MEMORY;
    }
    give_up_saying(common, message);
}

// The library goes on after damage, with grey in place of what is lost. Here damage to the pixels ends it.
static void hear(j_common_ptr common, int level) {
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA: return;
    case JWRN_JPEG_EOF: give_up_saying(common, "the file ends too early"); return;
    default: give_up(common);
    }
}

static void keep_quiet(j_common_ptr common) { (void)common; }

static void count_scans(j_common_ptr common) {
    if (((j_decompress_ptr)common)->input_scan_number > MOST_SCANS) {
        give_up_saying(common, "it has more scans than a picture needs");
    }
}

// Ink to light, as usual for these files with the inks stored inverted: 255 is no ink.
static void light_of_ink(const uint8_t *ink, uint8_t *light, size_t width) {
    for (size_t x = 0; x < width; x++) {
        unsigned paper = ink[4 * x + 3];
        for (int c = 0; c < 3; c++) {
            unsigned product = (255u - ink[4 * x + c]) * paper + 128;
            light[3 * x + c] = (uint8_t)(paper - ((product + (product >> 8)) >> 8));
        }
    }
}

static int decode(
    const uint8_t *bytes, size_t count, fi_header *header, uint8_t *pixels, size_t capacity, size_t working_limit,
    fi_error *error
) {
    struct jpeg_decompress_struct jpeg;
    handler to;
    memset(&jpeg, 0, sizeof jpeg);
    memset(&to, 0, sizeof to);
    memset(error, 0, sizeof *error);
    jpeg.err = jpeg_std_error(&to.manager);
    to.manager.error_exit = give_up;
    to.manager.emit_message = hear;
    to.manager.output_message = keep_quiet;
    to.progress.progress_monitor = count_scans;
    to.bytes = bytes;
    to.count = count;
    to.error = error;
    if (setjmp(to.back)) {
        jpeg_destroy_decompress(&jpeg);
        return to.status;
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &to.progress;
    jpeg_mem_src(&jpeg, (unsigned char *)bytes, (unsigned long)count);
    jpeg_read_header(&jpeg, TRUE);
    header->width = jpeg.image_width;
    header->height = jpeg.image_height;
    header->channels = jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    header->working_bytes =
        jpeg_has_multiple_scans(&jpeg)
        ? (uint64_t)jpeg.image_width * jpeg.image_height * (uint64_t)jpeg.num_components * sizeof(JCOEF) : 0;
    if (pixels) {
        int is_ink = 0;
        switch (jpeg.jpeg_color_space) {
        case JCS_GRAYSCALE: jpeg.out_color_space = JCS_GRAYSCALE; break;
        case JCS_RGB:
        case JCS_YCbCr: jpeg.out_color_space = JCS_RGB; break;
        case JCS_CMYK:
        case JCS_YCCK:
            jpeg.out_color_space = JCS_CMYK;
            is_ink = 1;
            break;
        default: give_up_saying((j_common_ptr)&jpeg, "its colours are of an unknown kind");
        }
        jpeg.mem->max_memory_to_use = (long)working_limit;
        jpeg_start_decompress(&jpeg);
        size_t line = (size_t)header->width * header->channels;
        if (jpeg.output_width != header->width || jpeg.output_height != header->height
            || jpeg.output_components != (is_ink ? 4 : (int)header->channels) || capacity / header->height != line
            || capacity % header->height) {
            give_up_saying((j_common_ptr)&jpeg, "the pixels are not what the header says");
        }
        // From the library's memory, which goes with it.
        JSAMPARRAY inks = is_ink
            ? (*jpeg.mem->alloc_sarray)((j_common_ptr)&jpeg, JPOOL_IMAGE, header->width * 4, 1) : NULL;
        while (jpeg.output_scanline < jpeg.output_height) {
            uint8_t *out = pixels + (size_t)jpeg.output_scanline * line;
            JSAMPROW row = is_ink ? inks[0] : out;
            if (jpeg_read_scanlines(&jpeg, &row, 1) != 1) {
                give_up_saying((j_common_ptr)&jpeg, "the file ends too early");
            }
            if (is_ink) light_of_ink(row, out, header->width);
        }
        jpeg_finish_decompress(&jpeg);
    }
    jpeg_destroy_decompress(&jpeg);
    return FI_OK;
}

int fi_jpeg_header(const uint8_t *bytes, size_t count, fi_header *header, fi_error *error) {
    return decode(bytes, count, header, NULL, 0, 0, error);
}

int fi_jpeg_decode(
    const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, size_t working_limit, fi_error *error
) {
    fi_header header;
    return decode(bytes, count, &header, pixels, capacity, working_limit, error);
}
