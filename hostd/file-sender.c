/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and sending take turns:
 *
 *   READING ─a piece→ SENDING ─200→ READING … ─a short piece, 200→ done
 *
 * A piece that is not full is the last one; of an empty file one empty piece is sent. A sender that
 * is given up while it reads is freed when the worker lets go of it. */

#include "hostd/file-sender.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/str.h"

struct FileSender {
        WorkerJob job; /* first */
        FileSenderConfig config;
        char id[FILE_ID_LENGTH + 1];
        char digest[2 * EVP_MAX_MD_SIZE + 1];
        EVP_MD_CTX *sum;
        char *piece; /* FILE_PIECE_MAX */
        size_t piece_length;
        uint64_t sent;
        HttpRequest *request;
        bool reading, orphan;
};

static void really_free(FileSender *sender)
{
        http_cancel(sender->request);
        fd_close(sender->config.fd);
        EVP_MD_CTX_free(sender->sum);
        if (sender->piece)
                explicit_bzero(sender->piece, FILE_PIECE_MAX);
        free(sender->piece);
        free(sender);
}

FileSender *file_sender_free(FileSender *sender)
{
        if (!sender)
                return NULL;
        if (sender->reading)
                sender->orphan = true;
        else
                really_free(sender);
        return NULL;
}

static void end(FileSender *sender, const char *error, const char *message)
{
        sender->config.done(sender->config.userdata, error, message);
}

/* Reads until the piece is full or the file at its end. */
static int read_piece(FileSender *sender)
{
        size_t most = (size_t) MIN((uint64_t) FILE_PIECE_MAX, sender->config.limit - sender->sent);

        sender->piece_length = 0;
        while (sender->piece_length < most) {
                ssize_t n = read(sender->config.fd, sender->piece + sender->piece_length,
                                 most - sender->piece_length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                sender->piece_length += (size_t) n;
        }
        return EVP_DigestUpdate(sender->sum, sender->piece, sender->piece_length) == 1 ? 0
                                                                                       : -ENOMEM;
}

static int run(WorkerJob *job)
{
        FileSender *sender = CONTAINER_OF(job, FileSender, job);

        if (sender->sent == 0)
                lseek(sender->config.fd, 0, SEEK_SET); /* wherever the caller left it */
        return read_piece(sender);
}

static void read_on(FileSender *sender);

static void finish(FileSender *sender)
{
        uint8_t bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        if (EVP_DigestFinal_ex(sender->sum, bytes, &length) != 1)
                return end(sender, "Internal", "out of memory");
        str_hex(bytes, length, sender->digest);
        end(sender, NULL, NULL);
}

static void on_sent(void *userdata, const HttpResult *result)
{
        FileSender *sender = userdata;

        sender->request = NULL;
        if (result->error != 0)
                return end(sender, "Unavailable",
                           "the host that leads was lost while the files were on their way to it; "
                           "nothing has been done: try again");
        if (result->status == 507)
                return end(sender, "StorageFull", "the disk of the host that leads is full");
        if (result->status == 503)
                return end(sender, "TooMany",
                           "the host that leads is taking in too many files; try again");
        if (result->status != 200)
                return end(sender, "Unavailable",
                           "the host that leads has not taken the files; nothing has been done: "
                           "try again");
        sender->sent += sender->piece_length;
        if (sender->piece_length < FILE_PIECE_MAX || sender->sent >= sender->config.limit)
                finish(sender);
        else
                read_on(sender);
}

static int send_piece(FileSender *sender)
{
        _cleanup_free_ char *path =
                str_printf(FILE_RECEIVER_PATH "%s?at=%" PRIu64 "&limit=%" PRIu64, sender->id,
                           sender->sent, sender->config.limit);

        if (!path)
                return -ENOMEM;
        return peers_post(sender->config.peers, &sender->config.address, path, sender->piece,
                          sender->piece_length, on_sent, sender, &sender->request);
}

static void on_read(WorkerJob *job, int result)
{
        FileSender *sender = CONTAINER_OF(job, FileSender, job);
        _cleanup_free_ char *text = NULL;

        sender->reading = false;
        if (sender->orphan)
                return really_free(sender);
        if (result == 0)
                result = send_piece(sender);
        if (result == 0)
                return;
        text = str_printf("a file of the call cannot be read: %s", strerror(-result));
        end(sender, "Internal", text ?: "");
}

static void read_on(FileSender *sender)
{
        sender->reading = true;
        sender->job = (WorkerJob) {.run = run, .done = on_read};
        worker_submit(sender->config.worker, &sender->job);
}

int file_sender_new(const FileSenderConfig *config, FileSender **ret_sender)
{
        _cleanup_(file_sender_freep) FileSender *sender = calloc(1, sizeof(*sender));
        uint8_t bytes[FILE_ID_LENGTH / 2];

        if (!sender)
                return -ENOMEM;
        sender->config = *config;
        sender->config.fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 3);
        if (sender->config.fd < 0)
                return -errno;
        sender->piece = malloc(FILE_PIECE_MAX);
        sender->sum = EVP_MD_CTX_new();
        if (!sender->piece || !sender->sum ||
            EVP_DigestInit_ex(sender->sum, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                ;
        str_hex(bytes, sizeof(bytes), sender->id);
        read_on(sender);
        *ret_sender = TAKE_PTR(sender);
        return 0;
}

const char *file_sender_id(const FileSender *sender)
{
        return sender->id;
}

uint64_t file_sender_size(const FileSender *sender)
{
        return sender->sent;
}

const char *file_sender_digest(const FileSender *sender)
{
        return sender->digest;
}
