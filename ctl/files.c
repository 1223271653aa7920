/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Finding and reading definitions, configurations and packages. What a file is, is told by its
 * first bytes and, between definition and configuration, by its name or else by its root element.
 */

#include "ctl/files.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LOOK_BYTES 4096

static const char *const configurations[] = {"ServiceConfiguration.cscfg",
                                             "ServiceConfiguration.Cloud.cscfg"};

void files_deinit(ServiceFiles *files)
{
        free(files->definition_path);
        free(files->configuration_path);
        if (!files->package)
                free((char *) files->definition.text);
        free((char *) files->configuration.text);
        package_close(files->package);
        fd_close(files->package_fd);
        *files = (ServiceFiles) {.package_fd = -1};
}

static int text_read(const char *path, char **path_owned, ModelText *text)
{
        char *data = NULL;
        int r;

        if (*path_owned) {
                log_error("%s: there is %s already", path, *path_owned);
                return CTL_USAGE;
        }
        *path_owned = strdup(path);
        if (!*path_owned)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, MODEL_FILE_BYTES_MAX, &data, &text->length);
        if (r == -EFBIG) {
                log_error("%s: is larger than %u bytes", path, MODEL_FILE_BYTES_MAX);
                return CTL_USAGE;
        }
        if (r < 0) {
                log_error("%s: cannot be read: %s", path, strerror(-r));
                return CTL_USAGE;
        }
        text->text = data;
        text->file = *path_owned;
        return CTL_DONE;
}

static int package_load(const char *path, ServiceFiles *files, PackageError *ret_fault)
{
        PackageError error;
        int r;

        if (files->definition_path) {
                log_error("%s: there is %s already", path, files->definition_path);
                return CTL_USAGE;
        }
        files->definition_path = str_printf("%s/" PACKAGE_DEFINITION, path);
        files->package_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (!files->definition_path)
                return -ENOMEM;
        if (files->package_fd < 0) {
                log_error("%s: cannot be read: %s", path, strerror(errno));
                return CTL_USAGE;
        }
        r = package_open(files->package_fd, &files->package, &error);
        if (r == PACKAGE_REFUSED) {
                if (ret_fault)
                        *ret_fault = error;
                else
                        log_error("%s: %s (%s)", path, error.message,
                                  package_fault_to_string(error.fault));
                return CTL_USAGE;
        }
        if (r < 0)
                return r;
        files->definition.file = files->definition_path;
        files->definition.text = package_definition(files->package, &files->definition.length);
        return CTL_DONE;
}

static int directory_load(const char *path, bool want_configuration, ServiceFiles *files)
{
        _cleanup_free_ char *definition = str_printf("%s/" PACKAGE_DEFINITION, path);
        int r;

        if (!definition)
                return -ENOMEM;
        if (access(definition, F_OK) < 0) {
                log_error("%s: there is no " PACKAGE_DEFINITION " in it", path);
                return CTL_USAGE;
        }
        r = text_read(definition, &files->definition_path, &files->definition);
        for (size_t i = 0; r == CTL_DONE && want_configuration && i < ARRAY_SIZE(configurations);
             i++) {
                _cleanup_free_ char *configuration = str_printf("%s/%s", path, configurations[i]);

                if (!configuration)
                        return -ENOMEM;
                if (access(configuration, F_OK) == 0)
                        return text_read(configuration, &files->configuration_path,
                                         &files->configuration);
        }
        return r;
}

static bool is_package(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char start[4] = "";

        if (fd >= 0 && read(fd, start, sizeof(start)) == sizeof(start) &&
            memcmp(start, "PK\3\4", 4) == 0)
                return true;
        return str_ends_with(path, ".cspkg");
}

static bool has_suffix(const char *path, const char *suffix)
{
        size_t length = strlen(path), n = strlen(suffix);

        return length >= n && strcasecmp(path + length - n, suffix) == 0;
}

static bool is_configuration(const char *path)
{
        _cleanup_close_ int fd = -1;
        char start[LOOK_BYTES + 1] = "";

        if (has_suffix(path, ".cscfg") || has_suffix(path, ".csdef"))
                return has_suffix(path, ".cscfg");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && read(fd, start, LOOK_BYTES) > 0 && strstr(start, "<ServiceConfiguration");
}

static int word_load(const char *path, bool want_configuration, ServiceFiles *files,
                     PackageError *ret_fault)
{
        struct stat st;

        if (stat(path, &st) < 0) {
                log_error("%s: %s", path, strerror(errno));
                return CTL_USAGE;
        }
        if (S_ISDIR(st.st_mode))
                return directory_load(path, want_configuration, files);
        if (is_configuration(path))
                return text_read(path, &files->configuration_path, &files->configuration);
        if (is_package(path))
                return package_load(path, files, ret_fault);
        return text_read(path, &files->definition_path, &files->definition);
}

int files_load(char **words, size_t n_words, ServiceFiles *ret_files, PackageError *ret_fault)
{
        int r = CTL_DONE;

        *ret_files = (ServiceFiles) {.package_fd = -1};
        for (size_t i = 0; r == CTL_DONE && i < n_words; i++)
                r = word_load(words[i], n_words == 1, ret_files, ret_fault);
        if (r == CTL_DONE && !ret_files->definition.text) {
                log_error("%s: a configuration is checked against its definition: name the .csdef "
                          "too",
                          words[0]);
                return CTL_USAGE;
        }
        return r;
}

int files_check(const ServiceFiles *files, VerdictList *verdicts, ServiceModel **ret)
{
        SizeCatalogue sizes = {};
        const char *path = NULL;
        unsigned line = 0;
        int r;

        r = sizes_load(&sizes, NULL, NULL, &path, &line);
        if (r == SIZES_BAD_LINE) {
                log_error("%s:%u: is not a size: write NAME VCPUS MEMORY DISK", path, line);
                r = -EINVAL;
        }
        if (r == 0)
                r = model_check(&files->definition,
                                files->configuration.text ? &files->configuration : NULL, &sizes,
                                verdicts, ret);
        sizes_deinit(&sizes);
        return r;
}
