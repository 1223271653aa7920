/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread for the whole server, begun when it is first needed. Two lists under one lock: pieces
 * that are to be read, and pieces that have been, which an eventfd tells the loop. Signals are the
 * loop's. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/io/https-internal.h"

struct HttpsReader {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t work;
        HttpsRead *waiting, **last_waiting; /* under lock, as the next two */
        HttpsRead *finished;
        bool ending;
        uint64_t count;
        int wake_fd;
        sd_event_source *wake;
};

static void read_piece(HttpsRead *read)
{
        do {
                read->result =
                        pread(read->fd, read->bytes, sizeof(read->bytes), (off_t) read->offset);
        } while (read->result < 0 && errno == EINTR);
        if (read->result < 0)
                read->result = -errno;
}

static void *thread_main(void *userdata)
{
        HttpsReader *reader = userdata;
        HttpsRead *read;

        pthread_mutex_lock(&reader->lock);
        for (;;) {
                while (!reader->waiting && !reader->ending)
                        pthread_cond_wait(&reader->work, &reader->lock);
                if (reader->ending)
                        break;
                read = reader->waiting;
                reader->waiting = read->next;
                if (!reader->waiting)
                        reader->last_waiting = &reader->waiting;
                pthread_mutex_unlock(&reader->lock);
                read_piece(read);
                pthread_mutex_lock(&reader->lock);
                read->next = reader->finished;
                reader->finished = read;
                eventfd_write(reader->wake_fd, 1);
        }
        pthread_mutex_unlock(&reader->lock);
        return NULL;
}

static void resume(HttpsRead *read)
{
        read->ready = true;
        MHD_resume_connection(read->connection);
        https_engine_wake(read->engine);
}

static void finish(HttpsReader *reader)
{
        HttpsRead *finished, *next;

        pthread_mutex_lock(&reader->lock);
        finished = reader->finished;
        reader->finished = NULL;
        pthread_mutex_unlock(&reader->lock);
        for (; finished; finished = next) {
                next = finished->next; /* the piece is its file's once it is resumed */
                reader->count++;
                resume(finished);
        }
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        HttpsReader *reader = userdata;
        eventfd_t count;

        eventfd_read(reader->wake_fd, &count);
        finish(reader);
        return 0;
}

static int start_thread(HttpsReader *reader)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&reader->thread, NULL, thread_main, reader);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

static void reader_free(HttpsReader *reader)
{
        sd_event_source_disable_unref(reader->wake);
        fd_close(reader->wake_fd);
        pthread_cond_destroy(&reader->work);
        pthread_mutex_destroy(&reader->lock);
        free(reader);
}

static int reader_new(sd_event *event, HttpsReader **ret_reader)
{
        HttpsReader *reader = calloc(1, sizeof(*reader));
        int r = 0;

        if (!reader)
                return -ENOMEM;
        pthread_mutex_init(&reader->lock, NULL);
        pthread_cond_init(&reader->work, NULL);
        reader->last_waiting = &reader->waiting;
        reader->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (reader->wake_fd < 0)
                r = -errno;
        if (r == 0)
                r = sd_event_add_io(event, &reader->wake, reader->wake_fd, EPOLLIN, on_wake,
                                    reader);
        if (r >= 0)
                r = start_thread(reader);
        if (r < 0) {
                reader_free(reader);
                return r;
        }
        *ret_reader = reader;
        return 0;
}

int https_reader_submit(HttpsServer *server, HttpsRead *read)
{
        HttpsReader *reader;
        int r;

        if (!server->reader) {
                r = reader_new(server->event, &server->reader);
                if (r < 0)
                        return r;
        }
        reader = server->reader;
        read->next = NULL;
        pthread_mutex_lock(&reader->lock);
        *reader->last_waiting = read;
        reader->last_waiting = &read->next;
        pthread_cond_signal(&reader->work);
        pthread_mutex_unlock(&reader->lock);
        return 0;
}

void https_reader_stop(HttpsServer *server)
{
        HttpsReader *reader = server->reader;
        HttpsRead *next;

        if (!reader)
                return;
        pthread_mutex_lock(&reader->lock);
        reader->ending = true;
        pthread_cond_signal(&reader->work);
        pthread_mutex_unlock(&reader->lock);
        pthread_join(reader->thread, NULL);
        finish(reader);
        for (HttpsRead *read = reader->waiting; read; read = next) {
                next = read->next;
                read->result = -ECANCELED;
                resume(read);
        }
        server->reader = NULL;
        reader_free(reader);
}

uint64_t https_reader_count(const HttpsServer *server)
{
        return server->reader ? server->reader->count : 0;
}
