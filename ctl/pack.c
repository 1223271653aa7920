/* SPDX-License-Identifier: GPL-3.0-or-later */

/* pack: a directory in, a package out. The package is written beside its final name and moved there
 * when it is whole. */

#include "model/pack.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/files.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define NAME_OTHERWISE "service"

static void refusals_log(const VerdictList *verdicts)
{
        for (size_t i = 0; i < verdicts->n_entries; i++) {
                const VerdictEntry *entry = &verdicts->entries[i];

                if (entry->verdict == VERDICT_REFUSED)
                        log_error("%s:%u: %s%s%s: %s", entry->file, entry->line, entry->element,
                                  entry->attribute ? " " : "", entry->attribute ?: "",
                                  entry->reason);
        }
}

static int definition_load(const char *directory, ServiceFiles *files, ServiceModel **ret)
{
        char *words[] = {(char *) directory, NULL};
        VerdictList verdicts = {};
        int r;

        r = files_load(words, 1, files, NULL);
        if (r != CTL_DONE)
                return r;
        /* the configuration is not part of a package, and changes without a new one */
        free((char *) files->configuration.text);
        files->configuration = (ModelText) {};
        r = files_check(files, &verdicts, ret);
        if (r > 0)
                refusals_log(&verdicts);
        verdict_list_deinit(&verdicts);
        if (r == -EINVAL)
                return CTL_USAGE;
        return r == MODEL_BROKEN ? CTL_USAGE : r == MODEL_REFUSED ? CTL_FAILED : r;
}

/* Opens an unfinished file next to @path. */
static int output_open(const char *path, char unfinished[static PATH_MAX])
{
        int fd;

        if (snprintf(unfinished, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
                return -ENAMETOOLONG;
        fd = mkostemp(unfinished, O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int output_finish(int fd, const char *unfinished, const char *path)
{
        mode_t mask = umask(0);

        umask(mask);
        if (fchmod(fd, 0666 & ~mask) < 0 || fsync(fd) < 0 || rename(unfinished, path) < 0)
                return -errno;
        return 0;
}

static int package_report(int fd, const char *path)
{
        Package *package = NULL;
        PackageError error;
        size_t n;
        int r;

        r = package_open(fd, &package, &error);
        if (r == PACKAGE_REFUSED)
                log_error("%s: %s", path, error.message);
        if (r != 0)
                return r < 0 ? r : CTL_FAILED;
        package_members(package, &n);
        printf("%s: %zu %s, %lld bytes, sha256 %s\n", path, n - 1, n == 2 ? "role" : "roles",
               (long long) lseek(fd, 0, SEEK_END), package_digest(package));
        package_close(package);
        return CTL_DONE;
}

static void on_progress(void *userdata, double fraction)
{
        progress_update(userdata, fraction, "");
}

static int package_write(const Options *options, const char *directory, const ServiceFiles *files,
                         const ServiceModel *model, const char *path)
{
        char unfinished[PATH_MAX], message[PACK_MESSAGE_MAX];
        _cleanup_close_ int fd = output_open(path, unfinished);
        Progress progress;
        PackOptions pack = {
                .directory = directory,
                .model = model,
                .text = files->definition,
                .out_fd = fd,
                .sign_key = options->sign_key,
                .sign_cert = options->sign_cert,
                .progress = &(PackProgress) {on_progress, &progress},
        };
        int r;

        if (fd < 0) {
                log_error("%s: cannot be written: %s", path, strerror(-fd));
                return CTL_FAILED;
        }
        progress_begin(&progress, "Packing", options->quiet);
        r = pack_directory(&pack, message);
        progress_end(&progress);
        if (r == 0)
                r = output_finish(fd, unfinished, path);
        if (r != 0)
                unlink(unfinished);
        if (r == PACK_REFUSED) {
                log_error("%s", message);
                return CTL_FAILED;
        }
        if (r < 0) {
                log_error("%s: cannot be written: %s", path, strerror(-r));
                return CTL_FAILED;
        }
        return options->quiet ? CTL_DONE : package_report(fd, path);
}

int verb_pack(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_(model_freep) ServiceModel *model = NULL;
        _cleanup_free_ char *path = NULL;
        const char *directory = arguments[0];
        ServiceFiles files = {.package_fd = -1};
        struct stat st;
        int r;

        if (!options->sign_key != !options->sign_cert) {
                log_error("A signature needs both --sign-key and --sign-cert");
                return CTL_USAGE;
        }
        if (stat(directory, &st) < 0 || !S_ISDIR(st.st_mode)) {
                log_error("%s: is not a directory: name the one that has " PACKAGE_DEFINITION,
                          directory);
                return CTL_USAGE;
        }
        r = definition_load(directory, &files, &model);
        if (r == CTL_DONE) {
                path = options->output ? strdup(options->output)
                                       : str_printf("%s.cspkg", str_is_name(model->name, 200)
                                                                        ? model->name
                                                                        : NAME_OTHERWISE);
                r = path ? package_write(options, directory, &files, model, path) : -ENOMEM;
        }
        files_deinit(&files);
        return r;
}
