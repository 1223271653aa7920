# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages to deploy, made with troupectl pack."""
import os
import subprocess

from world import BUILD

CSDEF = """<?xml version="1.0" encoding="utf-8"?>
<ServiceDefinition name="{name}" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition">
  <WebRole name="web" vmsize="ExtraSmall">
    <Runtime><EntryPoint><ProgramEntryPoint commandLine="./web" setReadyOnProcessStart="true"/></EntryPoint></Runtime>
    <Sites><Site name="Web" physicalDirectory="web"><Bindings><Binding name="in" endpointName="in"/></Bindings></Site></Sites>
    <Endpoints><InputEndpoint name="in" protocol="http" port="80"/></Endpoints>
    <ConfigurationSettings><Setting name="colour"/></ConfigurationSettings>
  </WebRole>
  <WorkerRole name="work" vmsize="ExtraSmall">
    <Runtime><EntryPoint><ProgramEntryPoint commandLine="./work" setReadyOnProcessStart="true"/></EntryPoint></Runtime>
  </WorkerRole>
</ServiceDefinition>
"""
CSCFG = """<?xml version="1.0" encoding="utf-8"?>
<ServiceConfiguration serviceName="{name}" osFamily="{family}" osVersion="*"
    xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="web"><Instances count="{web}"/><ConfigurationSettings><Setting name="colour" value="{colour}"/>
  </ConfigurationSettings></Role>
  <Role name="work"><Instances count="{work}"/></Role>
</ServiceConfiguration>
"""


def make(folder, name="app", web=2, work=1, colour="red", family="debian-13"):
    """Returns the paths of the package and its configuration."""
    source = f"{folder}/{name}.src"
    os.makedirs(f"{source}/web", exist_ok=True)
    os.makedirs(f"{source}/work", exist_ok=True)
    for path, content in (("web/web", "#!/bin/sh\n"), ("web/index.html", name), ("work/work", "#!/bin/sh\n")):
        with open(f"{source}/{path}", "w", encoding="utf-8") as f:
            f.write(content)
        os.chmod(f"{source}/{path}", 0o755)
    with open(f"{source}/ServiceDefinition.csdef", "w", encoding="utf-8") as f:
        f.write(CSDEF.format(name=name))
    configuration, package = f"{folder}/{name}.cscfg", f"{folder}/{name}.cspkg"
    with open(configuration, "w", encoding="utf-8") as f:
        f.write(CSCFG.format(name=name, web=web, work=work, colour=colour, family=family))
    if not os.path.exists(package):
        subprocess.run([f"{BUILD}/troupectl", "pack", source, "-o", package], check=True, stdout=subprocess.DEVNULL)
    return package, configuration


def deploy(world, name="app", slot="production", **settings):
    """Returns (operation path, error name: message)."""
    package, configuration = make(world.dir, name, **settings)
    value, error, _ = world.with_files("Deploy", "sshhst", name, slot, package, configuration, "a label", 0)
    return (None, f"{error}: {value}") if error else (value, "")
