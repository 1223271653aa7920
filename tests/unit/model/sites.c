/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

#define WEB(inside)   DEFINITION("<WebRole name='web'>" HTTP_IN inside "</WebRole>")
#define BOUND         "<Bindings><Binding name='b' endpointName='In'/></Bindings>"
#define SITES(inside) "<Sites>" inside "</Sites>"

static void a_web_role_without_sites_has_one(void **state)
{
        Checked checked = check_texts(WEB(""), NULL);
        const Role *role;

        assert_int_equal(checked.result, 0);
        role = &checked.model->roles[0];
        assert_int_equal(role->kind, ROLE_WEB);
        assert_null(role->entry_point);
        assert_int_equal(role->n_sites, 1);
        assert_string_equal(role->sites[0].directories[0].url, "/");
        assert_null(role->sites[0].directories[0].source);
        assert_string_equal(role->sites[0].directories[0].payload_path, ".");
        assert_int_equal(role->sites[0].n_bindings, 1);
        assert_int_equal(role->sites[0].bindings[0].endpoint, 0);
        checked_deinit(&checked);
}

static void directories_have_their_place_in_the_payload(void **state)
{
        Checked checked = check_texts(
                WEB(SITES("<Site name='Main' physicalDirectory='web\\wwwroot'>" BOUND
                          "<VirtualApplication name='/api' "
                          "physicalDirectory='..\\..\\Api'><VirtualDirectory name='docs' "
                          "physicalDirectory='docs'/></VirtualApplication></Site>"
                          "<Site name='Other' physicalDirectory='web'><Bindings><Binding name='b' "
                          "endpointName='In' "
                          "hostheader='other.example.com'/></Bindings></Site>"
                          "<Site name='Third' packageDir='website'><Bindings><Binding name='b' "
                          "endpointName='In' "
                          "hostHeader='third.example.com'/></Bindings></Site>")),
                NULL);
        const Site *main, *other, *third;

        assert_int_equal(checked.result, 0);
        main = &checked.model->roles[0].sites[0];
        other = &checked.model->roles[0].sites[1];
        third = &checked.model->roles[0].sites[2];
        assert_string_equal(main->directories[0].payload_path, "wwwroot");
        assert_string_equal(main->directories[1].url, "/api");
        assert_string_equal(main->directories[1].source, "../../Api");
        assert_string_equal(main->directories[1].payload_path, "sitesroot/0");
        assert_string_equal(main->directories[2].url, "/api/docs");
        assert_string_equal(main->directories[2].payload_path, "sitesroot/1");
        assert_string_equal(other->directories[0].payload_path, ".");
        assert_string_equal(other->bindings[0].host, "other.example.com");
        assert_string_equal(third->directories[0].source, "website");
        assert_string_equal(third->directories[0].payload_path, "sitesroot/2");
        checked_deinit(&checked);
}

static void what_does_not_fit_together(void **state)
{
        assert_refused(MODEL_REFUSED, DEFINITION("<WebRole name='web'/>"), NULL, "WebRole", NULL,
                       "http or https");
        assert_refused(MODEL_REFUSED, WEB(SITES("<Site name='s'/>")), NULL, "Site", NULL,
                       "must have a Binding");
        assert_refused(MODEL_REFUSED,
                       WEB(SITES("<Site name='s'><Bindings><Binding name='b' "
                                 "endpointName='x'/></Bindings></Site>")),
                       NULL, "Binding", "endpointName", "no endpoint of this name");
        assert_refused(MODEL_REFUSED,
                       DEFINITION("<WebRole name='web'><Endpoints><InputEndpoint name='In' "
                                  "protocol='tcp' port='80'/></Endpoints>" SITES(
                                          "<Site name='s'>" BOUND "</Site>") "</WebRole>"),
                       NULL, "Binding", "endpointName", "http and https");
        assert_refused(MODEL_REFUSED,
                       WEB(SITES("<Site name='s'>" BOUND "</Site><Site name='t'>" BOUND "</Site>")),
                       NULL, "Binding", NULL, "hostHeader");
        assert_refused(MODEL_REFUSED,
                       WEB(SITES("<Site name='s' physicalDirectory='C:\\x'>" BOUND "</Site>")),
                       NULL, "Site", "physicalDirectory", "relative");
        assert_refused(MODEL_REFUSED,
                       WEB(SITES("<Site name='s'>" BOUND "<VirtualDirectory name='a'/></Site>")),
                       NULL, "VirtualDirectory", NULL, "physicalDirectory");
        assert_refused(
                MODEL_REFUSED,
                WEB(SITES("<Site name='s'>" BOUND
                          "<VirtualDirectory name='a' physicalDirectory='x'/><VirtualDirectory "
                          "name='/a' physicalDirectory='y'/></Site>")),
                NULL, "VirtualDirectory", NULL, "already");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_web_role_without_sites_has_one),
                cmocka_unit_test(directories_have_their_place_in_the_payload),
                cmocka_unit_test(what_does_not_fit_together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
