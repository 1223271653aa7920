/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/worker.h"

#include <pthread.h>
#include <time.h>

#include "tests/unit/test.h"

typedef struct TestJob {
        WorkerJob job;
        pthread_t ran_on;
        sd_event *event;
        unsigned *n_done;
        unsigned wanted;
        int value;
        int result;
} TestJob;

static int run_job(WorkerJob *job)
{
        TestJob *test = CONTAINER_OF(job, TestJob, job);

        test->ran_on = pthread_self();
        return test->value;
}

static int run_slowly(WorkerJob *job)
{
        nanosleep(&(struct timespec) {.tv_nsec = 50000000}, NULL);
        return run_job(job);
}

static void done_job(WorkerJob *job, int result)
{
        TestJob *test = CONTAINER_OF(job, TestJob, job);

        test->result = result;
        if (++*test->n_done == test->wanted)
                sd_event_exit(test->event, 0);
}

static void jobs_run_off_the_loop_and_finish_on_it(void **state)
{
        Worker *worker;
        sd_event *event;
        unsigned n_done = 0;
        TestJob jobs[100];

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 3, &worker), 0);
        for (int i = 0; i < 100; i++) {
                jobs[i] = (TestJob) {.job = {.run = run_job, .done = done_job},
                                     .event = event,
                                     .n_done = &n_done,
                                     .wanted = 100,
                                     .value = -i};
                worker_submit(worker, &jobs[i].job);
        }
        assert_int_equal(n_done, 0);
        assert_int_equal(sd_event_loop(event), 0);
        assert_int_equal(n_done, 100);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(jobs[i].result, -i);
                assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
        }
        worker_free(worker);
        sd_event_unref(event);
}

static void what_has_not_begun_is_cancelled_at_the_end(void **state)
{
        Worker *worker;
        sd_event *event;
        unsigned n_done = 0;
        TestJob jobs[5];

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        for (int i = 0; i < 5; i++) {
                jobs[i] = (TestJob) {.job = {.run = run_slowly, .done = done_job},
                                     .event = event,
                                     .n_done = &n_done,
                                     .wanted = 99,
                                     .value = 7};
                worker_submit(worker, &jobs[i].job);
        }
        worker_free(worker);
        assert_int_equal(n_done, 5);
        assert_int_equal(jobs[4].result, -ECANCELED);
        for (int i = 0; i < 5; i++)
                assert_true(jobs[i].result == 7 || jobs[i].result == -ECANCELED);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_run_off_the_loop_and_finish_on_it),
                cmocka_unit_test(what_has_not_begun_is_cancelled_at_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
