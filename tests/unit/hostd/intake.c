/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is no package, and what is no configuration, is refused by name; nothing of it is kept. */

#include "hostd/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

static char dir[64];
static sd_event *event;
static Worker *worker;
static BlobStore *blobs;
static bool done;
static char error[64], message[1024];

static void on_done(Intake *intake)
{
        done = true;
        snprintf(error, sizeof(error), "%s", intake->error ?: "");
        snprintf(message, sizeof(message), "%s", intake->message ?: "");
        intake_free(intake);
}

static int file_of(const char *text)
{
        int fd = memfd_create("text", MFD_CLOEXEC);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        return fd; /* at its end: the intake begins at its start */
}

static void take(Intake *intake)
{
        intake->blobs = blobs;
        intake->done = on_done;
        done = false;
        intake_start(intake, worker);
        RUN_UNTIL(event, done);
}

static void test_no_package(void **state)
{
        Intake *intake = intake_new(INTAKE_DEPLOY);
        _cleanup_free_ char *command = str_printf("test -z \"$(find %s -type f)\"", dir);

        intake->package_fd = file_of("this is not a package");
        intake->configuration_fd = file_of("<ServiceConfiguration/>");
        take(intake);
        assert_string_equal(error, "PackageInvalid");
        assert_non_null(strstr(message, "not-a-package"));
        assert_int_equal(system(command), 0);
        intake = intake_new(INTAKE_CHECK);
        intake->package_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        intake->configuration_fd = file_of("x");
        take(intake);
        assert_string_equal(error, "PackageInvalid");
}

static void test_no_configuration(void **state)
{
        Intake *intake = intake_new(INTAKE_CONFIGURE);
        char *big = malloc(MODEL_FILE_BYTES_MAX + 2);

        intake->definition = strdup("<ServiceDefinition name='x'>");
        intake->configuration_fd = file_of("<ServiceConfiguration");
        take(intake);
        assert_string_equal(error, "ConfigurationInvalid");
        assert_non_null(strstr(message, ":1"));
        memset(big, ' ', MODEL_FILE_BYTES_MAX + 1);
        big[MODEL_FILE_BYTES_MAX + 1] = '\0';
        intake = intake_new(INTAKE_CONFIGURE);
        intake->definition = strdup("<ServiceDefinition name='x'>");
        intake->configuration_fd = file_of(big);
        take(intake);
        assert_string_equal(error, "ConfigurationInvalid");
        assert_non_null(strstr(message, "larger"));
        free(big);
}

static int set_up(void **state)
{
        strcpy(dir, "/tmp/troupe-intake-XXXXXX");
        assert_non_null(mkdtemp(dir));
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        return blob_store_open(dir, &blobs);
}

static int tear_down(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", dir);

        worker_free(worker);
        blob_store_close(blobs);
        sd_event_unref(event);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_package, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_configuration, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
