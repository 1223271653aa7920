/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Throws out what no deployment refers to any more, once all deployments are known and whenever one
 * goes. A package that has come in but whose deployment is not yet written is held (blob.h). */

#include "hostd/host-half-internal.h"

#include <string.h>

#include "lib/base/array.h"
#include "lib/base/log.h"

static int collect_run(WorkerJob *job)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, collecting);
        const char **digests = calloc(half->n_collect_keep + 1, sizeof(*digests));
        int r;

        if (!digests)
                return -ENOMEM;
        for (size_t i = 0; i < half->n_collect_keep; i++)
                digests[i] = half->collect_keep[i];
        r = blob_collect(half->blobs, digests, half->n_collect_keep);
        free(digests);
        return r;
}

static void collect_done(WorkerJob *job, int result)
{
        HostHalf *half = CONTAINER_OF(job, HostHalf, collecting);

        half->collecting_runs = false;
        free(half->collect_keep);
        half->collect_keep = NULL;
        half->n_collect_keep = 0;
        if (result == -ECANCELED)
                return;
        if (result < 0)
                log_error_errno(result, "cannot remove packages that are not needed any more");
        else if (result > 0)
                log_info("%d files of packages that are not needed any more were removed", result);
        if (half->collect_again)
                host_blobs_collect(half);
}

static int list_digests(HostHalf *half)
{
        MAP_FOREACH (entry, &half->deployments) {
                const DeploymentRecord *record = deployment_record(entry->value);
                RecordDigest *grown =
                        array_grow(half->collect_keep, half->n_collect_keep, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                half->collect_keep = grown;
                memcpy(grown[half->n_collect_keep++], record->package, sizeof(*grown));
        }
        return 0;
}

void host_blobs_collect(HostHalf *half)
{
        half->collect_again = half->collecting_runs;
        if (half->collecting_runs || !half->synced || list_digests(half) < 0)
                return;
        half->collecting = (WorkerJob) {.run = collect_run, .done = collect_done};
        half->collecting_runs = true;
        worker_submit(half->worker, &half->collecting);
}
