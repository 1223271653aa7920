/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Threads for what blocks. Two lists under one lock: jobs that wait for a thread, and finished ones
 * that wait for the loop, which an eventfd wakes. Threads have all signals blocked: signals are the
 * loop's. */

#include "hostd/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>

typedef struct JobQueue {
        WorkerJob *first;
        WorkerJob **last;
} JobQueue;

struct Worker {
        pthread_mutex_t lock;
        pthread_cond_t work;
        JobQueue waiting;  /* under lock */
        JobQueue finished; /* under lock */
        bool ending;       /* under lock */
        pthread_t threads[WORKER_THREADS_MAX];
        unsigned n_threads;
        int wake_fd;
        sd_event_source *wake;
};

static void queue_init(JobQueue *queue)
{
        queue->first = NULL;
        queue->last = &queue->first;
}

static void queue_push(JobQueue *queue, WorkerJob *job)
{
        job->next = NULL;
        *queue->last = job;
        queue->last = &job->next;
}

static WorkerJob *queue_pop(JobQueue *queue)
{
        WorkerJob *job = queue->first;

        if (job) {
                queue->first = job->next;
                if (!queue->first)
                        queue->last = &queue->first;
        }
        return job;
}

static void *thread_main(void *userdata)
{
        Worker *worker = userdata;
        WorkerJob *job;

        pthread_mutex_lock(&worker->lock);
        for (;;) {
                while (!worker->ending && !worker->waiting.first)
                        pthread_cond_wait(&worker->work, &worker->lock);
                if (worker->ending)
                        break;
                job = queue_pop(&worker->waiting);
                pthread_mutex_unlock(&worker->lock);
                job->result = job->run(job);
                pthread_mutex_lock(&worker->lock);
                queue_push(&worker->finished, job);
                eventfd_write(worker->wake_fd, 1);
        }
        pthread_mutex_unlock(&worker->lock);
        return NULL;
}

/* One at a time under the lock, as done() may submit the next job or free its own. */
static void finish_all(Worker *worker)
{
        for (;;) {
                WorkerJob *job;

                pthread_mutex_lock(&worker->lock);
                job = queue_pop(&worker->finished);
                pthread_mutex_unlock(&worker->lock);
                if (!job)
                        return;
                job->done(job, job->result);
        }
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *worker = userdata;
        eventfd_t count;

        eventfd_read(worker->wake_fd, &count);
        finish_all(worker);
        return 0;
}

static int start_threads(Worker *worker, unsigned n_threads)
{
        sigset_t all, before;
        int r = 0;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (unsigned i = 0; i < n_threads && r == 0; i++) {
                r = -pthread_create(&worker->threads[i], NULL, thread_main, worker);
                if (r == 0)
                        worker->n_threads++;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

int worker_new(sd_event *event, unsigned n_threads, Worker **ret_worker)
{
        _cleanup_(worker_freep) Worker *worker = NULL;
        int r;

        assert(n_threads > 0 && n_threads <= WORKER_THREADS_MAX);
        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->work, NULL);
        queue_init(&worker->waiting);
        queue_init(&worker->finished);
        worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->wake_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &worker->wake, worker->wake_fd, EPOLLIN, on_wake, worker);
        if (r < 0)
                return r;
        r = start_threads(worker, n_threads);
        if (r < 0)
                return r;
        *ret_worker = TAKE_PTR(worker);
        return 0;
}

Worker *worker_free(Worker *worker)
{
        WorkerJob *job;

        if (!worker)
                return NULL;
        pthread_mutex_lock(&worker->lock);
        worker->ending = true;
        pthread_cond_broadcast(&worker->work);
        pthread_mutex_unlock(&worker->lock);
        for (unsigned i = 0; i < worker->n_threads; i++)
                pthread_join(worker->threads[i], NULL);
        finish_all(worker);
        while ((job = queue_pop(&worker->waiting)))
                job->done(job, -ECANCELED);
        sd_event_source_disable_unref(worker->wake);
        fd_close(worker->wake_fd);
        pthread_cond_destroy(&worker->work);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
        return NULL;
}

void worker_submit(Worker *worker, WorkerJob *job)
{
        pthread_mutex_lock(&worker->lock);
        queue_push(&worker->waiting, job);
        pthread_cond_signal(&worker->work);
        pthread_mutex_unlock(&worker->lock);
}
