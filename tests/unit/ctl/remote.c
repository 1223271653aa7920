/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/remote.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

#include "lib/base/file.h"
#include "lib/base/str.h"

static char directory[] = "/tmp/ctl-remote-XXXXXX";
static char path[64], ssh[64];

/* Puts a script in ssh's place, which gets ssh's arguments. */
static void put_ssh(const char *script)
{
        _cleanup_free_ char *text = str_printf("#!/bin/sh\n%s\n", script);

        assert_int_equal(file_write_atomic(AT_FDCWD, ssh, text, strlen(text), 0700), 0);
        setenv("SYSTEMD_SSH", ssh, 1);
}

static Options options_of(int argc, char **argv)
{
        Options options;
        int first;

        assert_int_equal(options_parse(argc, argv, &options, &first), 0);
        return options;
}

static void words_are_written_again_and_quoted(void **state)
{
        char *argv[] = {(char *) "troupectl",
                        (char *) "-Hroot@h1",
                        (char *) "logs",
                        (char *) "--role=it's; $(id)",
                        (char *) "-n",
                        (char *) "3",
                        NULL};
        char *words[] = {(char *) "a b", NULL};
        Options options = options_of(6, argv);
        _cleanup_free_ char *command = remote_command(&options, "logs", words);

        assert_string_equal(command,
                            "troupectl '--role=it'\\''s; $(id)' '--lines=3' 'logs' -- 'a b'");
}

static void a_port_is_ssh_s(void **state)
{
        char *argv[] = {(char *) "troupectl", (char *) "-Hroot@h1:2222", (char *) "shell", NULL};
        char *words[] = {(char *) "a/b/0", NULL};
        Options options = options_of(3, argv);

        put_ssh("[ \"$*\" = \"-x -T -p 2222 -- root@h1 troupectl 'shell' -- 'a/b/0'\" ]");
        assert_int_equal(remote_run(&options, "shell", words, false), 0);
        argv[1] = (char *) "-Hroot@2001:db8::1";
        options = options_of(3, argv);
        put_ssh("[ \"$*\" = \"-x -T -- root@2001:db8::1 troupectl 'shell' -- 'a/b/0'\" ]");
        assert_int_equal(remote_run(&options, "shell", words, false), 0);
}

static void the_exit_code_is_the_other_side_s(void **state)
{
        char *argv[] = {(char *) "troupectl", (char *) "-Hh1", (char *) "shell", NULL};
        char *words[] = {(char *) "a/b/0", NULL};
        Options options = options_of(3, argv);

        put_ssh("exit 7");
        assert_int_equal(remote_run(&options, "shell", words, true), 7);
        put_ssh("exit 255");
        assert_int_equal(remote_run(&options, "shell", words, false), CTL_UNREACHABLE);
        setenv("SYSTEMD_SSH", "/no/such/ssh", 1);
        assert_int_equal(remote_run(&options, "shell", words, false), CTL_UNREACHABLE);
}

static void files_go_through_standard_input(void **state)
{
        char *argv[] = {(char *) "troupectl", (char *) "-Hh1", (char *) "deploy", (char *) "--wait",
                        NULL};
        char *words[] = {(char *) "svc", (char *) "x.cspkg", (char *) "x.cscfg", NULL};
        Options options = options_of(4, argv);
        Upload upload = {.n_files = 2, .sizes = {4, 3}};
        _cleanup_free_ char *script =
                str_printf("shift 3; { printf '%%s|' \"$@\"; cat; } >%s", path);
        _cleanup_free_ char *text = NULL;
        int ends[2];

        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
                assert_int_equal(file_write_all(ends[1], i ? "def" : "abcd", i ? 3 : 4), 0);
                close(ends[1]);
                upload.fds[i] = ends[0];
        }
        put_ssh(script);
        assert_int_equal(remote_upload(&options, "deploy", words, &upload), CTL_DONE);
        upload_deinit(&upload);
        assert_int_equal(file_read(AT_FDCWD, path, 1000, &text, NULL), 0);
        assert_string_equal(text, "h1|troupectl '--wait' '--stdin=4,3' 'deploy' -- 'svc' '-' '-'|"
                                  "abcddef");
}

static int start(void **state)
{
        if (!mkdtemp(directory))
                return -1;
        snprintf(path, sizeof(path), "%s/got", directory);
        snprintf(ssh, sizeof(ssh), "%s/ssh", directory);
        return 0;
}

static int stop(void **state)
{
        unlink(path);
        unlink(ssh);
        return rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_are_written_again_and_quoted),
                cmocka_unit_test(a_port_is_ssh_s),
                cmocka_unit_test(the_exit_code_is_the_other_side_s),
                cmocka_unit_test(files_go_through_standard_input),
        };

        return cmocka_run_group_tests(tests, start, stop);
}
