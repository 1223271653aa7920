/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the manager carries to and from the content: bytes to other hosts, and to the leader what
 * this host holds. */

#include <stdio.h>
#include <string.h>

#include "hostd/fetch.h"
#include "hostd/manager.h"
#include "lib/base/log.h"

static void on_blob(void *userdata, HttpsRequest *request)
{
        uint64_t size;
        int fd, r;

        r = content_open(((Manager *) userdata)->content, request->rest, &fd, &size);
        if (r < 0)
                return https_answer_text(request, r == -ENOENT ? 404 : 500,
                                         "this host does not have it\n");
        https_answer_file(request, fd, size);
}

static bool on_content_tls(void *userdata, HttpTls *ret_tls)
{
        const Manager *manager = userdata;
        const Identity *identity = membership_identity(manager->membership);

        *ret_tls = (HttpTls) {
                .ca_path = identity->ca_path,
                .certificate_path = identity->certificate_path,
                .key_path = identity->key_path,
        };
        return identity->certificate != NULL;
}

static void on_content_told(void *userdata, const char *error, const char *message)
{
        if (error)
                log_warning("cannot say what this host holds: %s: %s", error, message);
}

/* A host speaks for itself: of who else holds it nothing is said. */
static void tell_leader(Manager *manager, const Record *record, bool holds)
{
        bool package = record->type == RECORD_PACKAGE;
        RecordName *holders;
        Record own;

        memcpy(&own, record, record_size(record->type)); /* owns nothing */
        holders = package ? own.package.holders : own.os.holders;
        snprintf(holders[0], sizeof(holders[0]), "%s", manager->config->host);
        if (package)
                own.package.n_holders = 1;
        else
                own.os.n_holders = 1;
        register_server_tell(manager->peers, &own, holds);
}

static void on_content_tell(void *userdata, const Record *record, bool holds)
{
        Manager *manager = userdata;
        ControllerRequest *request;

        if (!controller_leads(manager->controller)) {
                tell_leader(manager, record, holds);
                return;
        }
        request = controller_request_new(holds ? FABRIC_HOLD : FABRIC_UNHOLD);
        if (!request || record_copy(record, &request->record) < 0) {
                controller_request_free(request);
                return;
        }
        snprintf(request->host, sizeof(request->host), "%s", manager->config->host);
        request->done = on_content_told;
        controller_request(manager->controller, request);
}

static void on_content_arrived(void *userdata)
{
        host_half_content_arrived(((Manager *) userdata)->host_half);
}

static void on_os_arrived(void *userdata)
{
        registrar_look(((Manager *) userdata)->registrar);
}

int manager_add_content(Manager *manager, const ManagerConfig *config)
{
        ContentConfig content = {
                .event = manager->event,
                .host = manager->config->host,
                .os_dir = config->host_half.os_dir,
                .state_dir = config->host_half.state_dir,
                .store = manager->store,
                .blobs = host_half_blobs(manager->host_half),
                .port = PEERS_PORT,
                .userdata = manager,
                .tls = on_content_tls,
                .tell = on_content_tell,
                .arrived = on_content_arrived,
                .os_arrived = on_os_arrived,
        };
        int r;

        r = content_new(&content, &manager->content);
        if (r < 0)
                return r;
        host_half_set_content(manager->host_half, manager->content);
        content_look(manager->content);
        return peers_route(manager->peers, &(HttpsRoute) {.method = "GET",
                                                          .path = FETCH_PATH,
                                                          .needs_peer = true,
                                                          .handler = on_blob,
                                                          .userdata = manager});
}
