/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The files that check and pack are given, and what model/ makes of them. */

#include <stdbool.h>

#include "ctl/options.h"
#include "model/package.h"
#include "model/service-model.h"

/**
 * struct ServiceFiles - A definition, perhaps its configuration, perhaps the package it came in
 * @definition, @configuration: texts; their @text is owned, NULL if there is none
 * @package: NULL if the definition is a file of its own
 */
typedef struct ServiceFiles {
        ModelText definition;
        ModelText configuration;
        char *definition_path;
        char *configuration_path;
        Package *package;
        int package_fd;
} ServiceFiles;

/**
 * files_load() - Read what the command line names
 * @words:     1 or 2 paths: a directory, a package or a .csdef; and a .cscfg, in any order
 * @n_words:   how many
 * @ret_files: to be freed with files_deinit() in any case
 * @ret_fault: what is wrong with a package, on CTL_USAGE; NULL is allowed
 *
 * A directory's definition is its ServiceDefinition.csdef; of its configurations,
 * ServiceConfiguration.cscfg, else ServiceConfiguration.Cloud.cscfg, else none. Says on standard
 * error what is wrong, unless
 * @ret_fault is filled in.
 *
 * Return: CTL_DONE; CTL_USAGE; -ENOMEM
 */
int files_load(char **words, size_t n_words, ServiceFiles *ret_files, PackageError *ret_fault);

/** files_deinit() - Free what it holds */
void files_deinit(ServiceFiles *files);

/**
 * files_check() - Check the files against the size catalogue of this machine
 * @files:    as files_load() gave them
 * @verdicts: appended to
 * @ret:      the model, on 0
 *
 * Return: what model_check() returns; -EINVAL if the catalogue is wrong, which it says on standard
 * error
 */
int files_check(const ServiceFiles *files, VerdictList *verdicts, ServiceModel **ret);
