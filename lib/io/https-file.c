/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libmicrohttpd asks for a piece of the file whenever the client has taken the one before. What the
 * kernel has in memory is copied at once; for what it would have to fetch from the disk the
 * connection is suspended and the reader's thread reads it, so that a disk is never waited for on
 * the loop. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "lib/io/https-internal.h"

#define AHEAD_BYTES MIB /* what the kernel is asked to have ready */

typedef struct File {
        HttpsConnection *connection;
        int fd;
        uint64_t first;
        uint64_t ahead;  /* asked for up to here */
        HttpsRead *read; /* NULL until something was not in memory */
} File;

static void ask_ahead(File *file, uint64_t offset)
{
        if (offset + AHEAD_BYTES / 2 < file->ahead)
                return;
        file->ahead = offset + AHEAD_BYTES;
        posix_fadvise(file->fd, (off_t) offset, (off_t) AHEAD_BYTES, POSIX_FADV_WILLNEED);
}

/* Leaves the piece to the thread; the client's connection rests until it is there. */
static ssize_t read_later(File *file, uint64_t offset)
{
        HttpsServer *server = file->connection->engine->server;

        if (server->ending)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!file->read)
                file->read = malloc(sizeof(*file->read));
        if (!file->read)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        file->read->engine = file->connection->engine;
        file->read->connection = file->connection->connection;
        file->read->fd = file->fd;
        file->read->offset = offset;
        file->read->ready = false;
        MHD_suspend_connection(file->connection->connection);
        if (https_reader_submit(server, file->read) < 0) {
                MHD_resume_connection(file->connection->connection);
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        return 0;
}

static ssize_t take_read(File *file, char *buffer, size_t max)
{
        HttpsRead *read = file->read;
        size_t n = read->result > 0 ? MIN((size_t) read->result, max) : 0;

        read->ready = false;
        memcpy(buffer, read->bytes, n);
        return n > 0 ? (ssize_t) n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
        File *file = userdata;
        uint64_t offset = file->first + position;
        struct iovec piece = {buffer, max};
        ssize_t n;

        file->connection->engine->progress++;
        if (file->read && file->read->ready && file->read->offset == offset)
                return take_read(file, buffer, max);
        ask_ahead(file, offset);
        n = preadv2(file->fd, &piece, 1, (off_t) offset, RWF_NOWAIT);
        if (n > 0)
                return n;
        if (n < 0 && (errno == EAGAIN || errno == EOPNOTSUPP || errno == EINTR))
                return read_later(file, offset);
        return MHD_CONTENT_READER_END_WITH_ERROR; /* it has shrunk: the client must see that */
}

static void on_free(void *userdata)
{
        File *file = userdata;

        fd_close(file->fd);
        free(file->read);
        free(file);
}

struct MHD_Response *https_file_response(HttpsConnection *connection, int fd, uint64_t first,
                                         uint64_t length)
{
        File *file = calloc(1, sizeof(*file));
        struct MHD_Response *response = NULL;

        if (file) {
                *file = (File) {.connection = connection, .fd = fd, .first = first};
                response = MHD_create_response_from_callback(length, HTTPS_PIECE_BYTES, on_read,
                                                             file, on_free);
        }
        if (!response) {
                free(file);
                fd_close(fd);
        }
        return response;
}
