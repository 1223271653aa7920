/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An HTTP source of guest operating systems: a directory with files, signed by a real gpg, and
 * Python's web server. A shell makes what is in it. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

typedef struct SourceWorld {
        char dir[32];
        char url[64];     /* of DIR/source */
        char keyring[64]; /* public key of the one who signs */
        pid_t server;
} SourceWorld;

/* In DIR; with `sign KEY`, which signs source/SHA256SUMS with the key of `right` or `wrong`, and
 * `version N`, which makes files, manifest and list of a version. */
static inline void source_shell(SourceWorld *world, const char *script)
{
        static const char functions[] =
                "set -e; cd \"$0\"\n"
                "key() { mkdir -m 700 $1; k=$1; set -- --homedir \"$PWD/$1\" --batch --quiet; "
                "gpg \"$@\" --passphrase '' --quick-generate-key $k ed25519 sign never; "
                "gpg \"$@\" --export >$k.gpg; }\n"
                "sign() { rm -f source/SHA256SUMS.gpg; gpg --homedir \"$PWD/$1\" --batch --quiet "
                "--detach-sign --output source/SHA256SUMS.gpg source/SHA256SUMS; }\n"
                "sums() { (cd source && sha256sum troupe* >SHA256SUMS); }\n"
                "version() { p=source/troupe-guest_debian-13_$1; "
                "echo \"kernel $1\" >$p.vmlinuz; head -c 3000000 /dev/zero >$p.root.raw; "
                "echo \"root $1\" >>$p.root.raw; f=; for n in vmlinuz root.raw; do "
                "f=\"$f,{\\\"name\\\":\\\"$n\\\",\\\"size_bytes\\\":$(stat -c %s $p.$n),"
                "\\\"sha256\\\":\\\"$(sha256sum <$p.$n | cut -d' ' -f1)\\\"}\"; done; "
                "echo \"{\\\"family\\\":\\\"debian-13\\\",\\\"version\\\":\\\"$1\\\","
                "\\\"files\\\":[${f#,}]}\" >$p.manifest.json; sums; }\n";
        _cleanup_free_ char *all = str_printf("%s%s", functions, script);
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                execl("/bin/bash", "bash", "-c", all, world->dir, NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static inline void source_serve(SourceWorld *world)
{
        static const char program[] = "import http.server as h, os, sys\n"
                                      "os.chdir(sys.argv[1])\n"
                                      "class Handler(h.SimpleHTTPRequestHandler):\n"
                                      "    def log_message(self, *a): pass\n"
                                      "    def copyfile(self, *a):\n"
                                      "        try: super().copyfile(*a)\n"
                                      "        except ConnectionError: pass\n"
                                      "s = h.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
                                      "os.write(1, b'%d ' % s.server_address[1])\n"
                                      "s.serve_forever()\n";
        _cleanup_free_ char *source = str_printf("%s/source", world->dir);
        char port[16] = "";
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        world->server = fork();
        if (world->server == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(fds[1], STDOUT_FILENO);
                execlp("python3", "python3", "-c", program, source, NULL);
                _exit(127);
        }
        close(fds[1]);
        for (size_t n = 0; !strchr(port, ' '); n++)
                assert_int_equal(read(fds[0], port + n, 1), 1);
        close(fds[0]);
        snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%d", atoi(port));
}

static inline void source_world_init(SourceWorld *world)
{
        *world = (SourceWorld) {.dir = "/tmp/troupe-src-XXXXXX"};
        assert_non_null(mkdtemp(world->dir));
        snprintf(world->keyring, sizeof(world->keyring), "%s/right.gpg", world->dir);
        source_shell(world, "key right; key wrong; mkdir source; version 2; sign right");
        source_serve(world);
}

static inline void source_world_deinit(SourceWorld *world)
{
        kill(world->server, SIGKILL);
        waitpid(world->server, NULL, 0);
        source_shell(world, "for k in right wrong; do gpgconf --homedir $k --kill all || :; done; "
                            "cd /; rm -rf \"$0\"");
}
