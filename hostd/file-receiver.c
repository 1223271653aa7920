/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces come in order, one at a time: the sender waits for the answer, which is given when the
 * piece is written. So a file costs the memory of one piece, and a slow disk slows its sender.
 * Writing and the digest are a worker's, which is there from the first file on. */

#include "hostd/file-receiver.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "hostd/worker.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define SWEEP_US (10 * USEC_PER_SEC)

typedef struct Incoming {
        WorkerJob job; /* first */
        FileReceiver *receiver;
        char id[FILE_ID_LENGTH + 1];
        char peer[HTTPS_PEER_MAX + 1];
        int fd;
        uint64_t length, limit;
        EVP_MD_CTX *sum;
        HttpsRequest *request; /* of the piece that is being written; NULL when it is gone */
        char *piece;           /* NULL: none is being written */
        size_t piece_length;
        uint64_t since_ns; /* the last piece */
        struct Incoming *next;
} Incoming;

struct FileReceiver {
        sd_event *event;
        char *dir;
        Worker *worker; /* NULL before the first file */
        sd_event_source *sweep;
        Incoming *files;
        unsigned n_files;
};

static void incoming_free(Incoming *file)
{
        for (Incoming **f = &file->receiver->files; *f; f = &(*f)->next)
                if (*f == file) {
                        *f = file->next;
                        file->receiver->n_files--;
                        break;
                }
        fd_close(file->fd);
        EVP_MD_CTX_free(file->sum);
        free(file->piece);
        free(file);
}

static Incoming *find(FileReceiver *receiver, const char *peer, const char *id)
{
        for (Incoming *file = receiver->files; file; file = file->next)
                if (str_equal(file->id, id) && str_equal(file->peer, peer))
                        return file;
        return NULL;
}

static bool is_id(const char *text)
{
        return strlen(text) == FILE_ID_LENGTH && strspn(text, "0123456789abcdef") == FILE_ID_LENGTH;
}

static void sweep_later(FileReceiver *receiver)
{
        sd_event_source_set_time_relative(receiver->sweep, SWEEP_US);
        sd_event_source_set_enabled(receiver->sweep, SD_EVENT_ONESHOT);
}

static int open_unnamed(const FileReceiver *receiver, uint64_t limit)
{
        return limit <= FILE_MEMORY_MAX ? memfd_create("received", MFD_CLOEXEC | MFD_NOEXEC_SEAL)
                                        : open(receiver->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int incoming_new(FileReceiver *receiver, const HttpsRequest *request, uint64_t limit,
                        Incoming **ret_file)
{
        Incoming *file = calloc(1, sizeof(*file));
        int r = 0;

        if (!file)
                return -ENOMEM;
        file->receiver = receiver;
        file->limit = limit;
        snprintf(file->id, sizeof(file->id), "%s", request->rest);
        snprintf(file->peer, sizeof(file->peer), "%s", request->peer);
        file->next = receiver->files;
        receiver->files = file;
        receiver->n_files++;
        file->fd = open_unnamed(receiver, limit);
        if (file->fd < 0)
                r = -errno;
        file->sum = EVP_MD_CTX_new();
        if (!file->sum || EVP_DigestInit_ex(file->sum, EVP_sha256(), NULL) != 1)
                r = -ENOMEM;
        if (r == 0 && !receiver->worker)
                r = worker_new(receiver->event, 1, &receiver->worker);
        if (r < 0) {
                incoming_free(file);
                return r;
        }
        if (receiver->n_files == 1)
                sweep_later(receiver);
        *ret_file = file;
        return 0;
}

static int run(WorkerJob *job)
{
        Incoming *file = CONTAINER_OF(job, Incoming, job);

        if (EVP_DigestUpdate(file->sum, file->piece, file->piece_length) != 1)
                return -ENOMEM;
        return file_write_all(file->fd, file->piece, file->piece_length);
}

static void on_written(WorkerJob *job, int result)
{
        Incoming *file = CONTAINER_OF(job, Incoming, job);
        HttpsRequest *request = TAKE_PTR(file->request);

        explicit_bzero(file->piece, file->piece_length);
        free(TAKE_PTR(file->piece));
        file->since_ns = clock_boottime_ns();
        if (result < 0)
                incoming_free(file);
        else
                file->length += file->piece_length;
        if (!request)
                return;
        if (result == -ENOSPC || result == -EDQUOT)
                https_answer_text(request, 507, "the disk of the host that leads is full\n");
        else if (result < 0)
                https_answer_text(request, 500, "%s\n", strerror(-result));
        else
                https_answer_text(request, 200, "go on\n");
}

static void on_gone(void *userdata, HttpsRequest *request)
{
        ((Incoming *) userdata)->request = NULL;
}

static void take_piece(Incoming *file, HttpsRequest *request)
{
        file->piece = malloc(request->length + 1);
        if (!file->piece)
                return https_answer_text(request, 503, "memory is short\n");
        memcpy(file->piece, request->body, request->length);
        file->piece_length = request->length;
        file->request = request;
        https_on_gone(request, on_gone, file);
        file->job = (WorkerJob) {.run = run, .done = on_written};
        worker_submit(file->receiver->worker, &file->job);
}

static void on_piece(void *userdata, HttpsRequest *request)
{
        FileReceiver *receiver = userdata;
        const char *at = https_query(request, "at"), *most = https_query(request, "limit");
        Incoming *file = find(receiver, request->peer, request->rest);
        uint64_t offset, limit;
        int r = 0;

        if (!is_id(request->rest) || str_to_u64(at ?: "", FILE_LIMIT_MAX, &offset) < 0 ||
            str_to_u64(most ?: "", FILE_LIMIT_MAX, &limit) < 0)
                return https_answer_text(request, 400, "this is no piece of a file\n");
        if (!file && offset > 0)
                return https_answer_text(request, 404, "there is no such file\n");
        if (!file && receiver->n_files >= FILES_MAX)
                return https_answer_text(request, 503, "too many files are on their way\n");
        if (!file)
                r = incoming_new(receiver, request, limit, &file);
        if (r < 0)
                return https_answer_text(request, r == -ENOSPC ? 507 : 500, "%s\n", strerror(-r));
        if (file->piece || offset != file->length)
                return https_answer_text(request, 409, "this is not the next piece\n");
        if (file->length + request->length > file->limit)
                return https_answer_text(request, 413, "the file is too long\n");
        take_piece(file, request);
}

static bool is_what_was_sent(Incoming *file, uint64_t size, const char *digest)
{
        uint8_t bytes[EVP_MAX_MD_SIZE];
        char text[2 * EVP_MAX_MD_SIZE + 1];
        unsigned length;

        if (file->piece || file->length != size ||
            EVP_DigestFinal_ex(file->sum, bytes, &length) != 1)
                return false;
        str_hex(bytes, length, text);
        return str_equal(text, digest);
}

int file_receiver_take(FileReceiver *receiver, const char *peer, const char *id, uint64_t size,
                       const char *digest, int *ret_fd)
{
        Incoming *file = find(receiver, peer, id);
        bool same;

        if (!file)
                return FILE_RECEIVER_MISSING;
        if (file->piece) /* a piece that nobody waits for any more */
                return FILE_RECEIVER_DIFFERS;
        same = is_what_was_sent(file, size, digest);
        if (same)
                *ret_fd = TAKE_FD(file->fd);
        incoming_free(file);
        return same ? 0 : FILE_RECEIVER_DIFFERS;
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        FileReceiver *receiver = userdata;
        uint64_t now_ns = clock_boottime_ns();
        Incoming *next;

        for (Incoming *file = receiver->files; file; file = next) {
                next = file->next;
                if (!file->piece && now_ns - file->since_ns >= FILE_IDLE_NS)
                        incoming_free(file);
        }
        if (receiver->files)
                sweep_later(receiver);
        return 0;
}

int file_receiver_new(sd_event *event, Peers *peers, const char *dir, FileReceiver **ret_receiver)
{
        _cleanup_(file_receiver_freep) FileReceiver *receiver = calloc(1, sizeof(*receiver));
        int r;

        if (!receiver)
                return -ENOMEM;
        receiver->event = sd_event_ref(event);
        r = str_set(&receiver->dir, dir);
        if (r == 0)
                r = sd_event_add_time_relative(event, &receiver->sweep, CLOCK_BOOTTIME, SWEEP_US, 0,
                                               on_sweep, receiver);
        if (r >= 0)
                r = sd_event_source_set_enabled(receiver->sweep, SD_EVENT_OFF);
        if (r >= 0)
                r = peers_route(peers, &(HttpsRoute) {.method = "POST",
                                                      .path = FILE_RECEIVER_PATH,
                                                      .needs_peer = true,
                                                      .body_max = FILE_PIECE_MAX,
                                                      .handler = on_piece,
                                                      .userdata = receiver});
        if (r < 0)
                return r;
        *ret_receiver = TAKE_PTR(receiver);
        return 0;
}

FileReceiver *file_receiver_free(FileReceiver *receiver)
{
        if (!receiver)
                return NULL;
        worker_free(receiver->worker);
        while (receiver->files)
                incoming_free(receiver->files);
        sd_event_source_disable_unref(receiver->sweep);
        free(receiver->dir);
        sd_event_unref(receiver->event);
        free(receiver);
        return NULL;
}
