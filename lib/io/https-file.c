/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libmicrohttpd asks for a piece of the file whenever the client has taken the one before. */

#include <errno.h>
#include <fcntl.h>

#include "lib/io/https-internal.h"

#define PIECE_BYTES (64 * KIB)
#define AHEAD_BYTES MIB /* what the kernel is asked to have ready */

typedef struct File {
        HttpsEngine *engine;
        int fd;
        uint64_t first;
        uint64_t ahead; /* asked for up to here */
} File;

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
        File *file = userdata;
        uint64_t offset = file->first + position;
        ssize_t n;

        file->engine->progress++;
        if (offset + AHEAD_BYTES / 2 >= file->ahead) {
                file->ahead = offset + AHEAD_BYTES;
                posix_fadvise(file->fd, (off_t) offset, (off_t) AHEAD_BYTES, POSIX_FADV_WILLNEED);
        }
        do {
                n = pread(file->fd, buffer, max, (off_t) offset);
        } while (n < 0 && errno == EINTR);
        return n > 0 ? n
                     : MHD_CONTENT_READER_END_WITH_ERROR; /* it has shrunk: the client must see */
}

static void on_free(void *userdata)
{
        File *file = userdata;

        fd_close(file->fd);
        free(file);
}

struct MHD_Response *https_file_response(HttpsEngine *engine, int fd, uint64_t first,
                                         uint64_t length)
{
        File *file = calloc(1, sizeof(*file));
        struct MHD_Response *response = NULL;

        if (file) {
                *file = (File) {.engine = engine, .fd = fd, .first = first};
                response = MHD_create_response_from_callback(length, PIECE_BYTES, on_read, file,
                                                             on_free);
        }
        if (!response) {
                free(file);
                fd_close(fd);
        }
        return response;
}
