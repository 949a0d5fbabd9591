"""Every route of the REST interface, one method each.

Made from docs/openapi.json by tools/generate.py.
"""

from __future__ import annotations

from typing import Any

from memtide import types
from memtide._transport import Answer, Lines, Transport, part


class Routes:
    """What can be asked of a host, as its description has it. `memtide.Memtide` is made of these."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def healthz(self) -> Answer[str]:
        """Say whether the process answers.

        `GET /healthz`
        """
        return self._transport.text("GET", "/healthz")

    def show_metrics(self) -> Answer[str]:
        """Show figures for Prometheus.

        As measured last. Asking takes no VM's lock.

        `GET /metrics`
        """
        return self._transport.text("GET", "/metrics")

    def readyz(self) -> Answer[str]:
        """Say whether the host does its work.

        Which is so while its memory loop measures.

        `GET /readyz`
        """
        return self._transport.text("GET", "/readyz")

    def list_alarm_rules(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        name: str | None = None,
    ) -> Answer[types.AlarmRuleList]:
        """List alarm rules.

        By name. Who is no administrator sees that a rule acts, and not how.

        `GET /v1/alarm-rules`
        """
        return self._transport.json(
            types.AlarmRuleList,
            "GET",
            "/v1/alarm-rules",
            query={"limit": limit, "cursor": cursor, "name": name},
        )

    def create_alarm_rule(self, body: types.AlarmRuleSpec) -> Answer[types.AlarmRule]:
        """Create an alarm rule.

        `POST /v1/alarm-rules`
        """
        return self._transport.json(types.AlarmRule, "POST", "/v1/alarm-rules", json=body)

    def show_alarm_rule(self, name: str) -> Answer[types.AlarmRule]:
        """Show an alarm rule.

        `GET /v1/alarm-rules/{name}`
        """
        return self._transport.json(types.AlarmRule, "GET", f"/v1/alarm-rules/{part(name)}")

    def change_alarm_rule(
        self,
        name: str,
        body: types.AlarmRuleChange,
        *,
        if_match: str | None = None,
    ) -> Answer[types.AlarmRule]:
        """Change an alarm rule.

        Only what is named changes; null takes away what it may be without. Its alarms go on by what it is
        after.

        `PATCH /v1/alarm-rules/{name}`
        """
        return self._transport.json(
            types.AlarmRule,
            "PATCH",
            f"/v1/alarm-rules/{part(name)}",
            json=body,
            header={"if-match": if_match},
        )

    def remove_alarm_rule(self, name: str) -> Answer[None]:
        """Remove an alarm rule.

        Its alarms clear.

        `DELETE /v1/alarm-rules/{name}`
        """
        return self._transport.nothing("DELETE", f"/v1/alarm-rules/{part(name)}")

    def test_alarm_rule(self, name: str) -> Answer[types.TestedActions]:
        """Test an alarm rule.

        Has its actions done as if there was an alarm, once, and says how they went. What a server answered is
        told over the Unix socket only; over TCP, its status.

        `POST /v1/alarm-rules/{name}/test`
        """
        return self._transport.json(types.TestedActions, "POST", f"/v1/alarm-rules/{part(name)}/test")

    def list_alarms(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        vm: str | None = None,
        rule: str | None = None,
        severity: types.Severity | None = None,
        acknowledged: bool | None = None,
    ) -> Answer[types.AlarmList]:
        """List alarms.

        Those there are, by number. What was and has cleared is in the events.

        `GET /v1/alarms`
        """
        return self._transport.json(
            types.AlarmList,
            "GET",
            "/v1/alarms",
            query={"limit": limit, "cursor": cursor, "vm": vm, "rule": rule, "severity": severity, "acknowledged": acknowledged},
        )

    def acknowledge_alarm(self, id: int) -> Answer[types.Alarm]:
        """Acknowledge an alarm.

        Which says that somebody has seen it. It stays until it clears; who was first stays, too.

        `POST /v1/alarms/{id}/acknowledge`
        """
        return self._transport.json(types.Alarm, "POST", f"/v1/alarms/{part(id)}/acknowledge")

    def audit_host(self) -> Answer[types.Operation]:
        """Check all invariants.

        Of the host and its running VMs.

        `POST /v1/audit`
        """
        return self._transport.json(types.Operation, "POST", "/v1/audit")

    def show_audit_log(self, *, limit: int | None = None) -> Answer[types.AuditLineList]:
        """Show the audit log.

        The last changes and refusals, the last one first.

        `GET /v1/audit-log`
        """
        return self._transport.json(types.AuditLineList, "GET", "/v1/audit-log", query={"limit": limit})

    def show_docs(self) -> Answer[str]:
        """Describe this interface to people.

        `GET /v1/docs`
        """
        return self._transport.text("GET", "/v1/docs")

    def docs_style(self) -> Answer[str]:
        """The page's style.

        `GET /v1/docs/page.css`
        """
        return self._transport.text("GET", "/v1/docs/page.css")

    def docs_script(self) -> Answer[str]:
        """The page's script.

        `GET /v1/docs/page.js`
        """
        return self._transport.text("GET", "/v1/docs/page.js")

    def list_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        vm: str | None = None,
        event: str | None = None,
        decisions: bool | None = None,
    ) -> Answer[types.EventList]:
        """List events.

        By number, as far as they are kept. Decisions of the memory loop, which are kept less long, only if
        they are asked for.

        `GET /v1/events`
        """
        return self._transport.json(
            types.EventList,
            "GET",
            "/v1/events",
            query={"limit": limit, "cursor": cursor, "vm": vm, "event": event, "decisions": decisions},
        )

    def show_host(self) -> Answer[types.HostStatus]:
        """Show the host's memory.

        As measured last, about a second ago at most. Asking costs the host nothing.

        `GET /v1/host`
        """
        return self._transport.json(types.HostStatus, "GET", "/v1/host")

    def show_openapi(self) -> Answer[dict[str, Any]]:
        """Describe this interface.

        `GET /v1/openapi.json`
        """
        return self._transport.document("GET", "/v1/openapi.json")

    def list_operations(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        vm: str | None = None,
        state: types.OperationState | None = None,
    ) -> Answer[types.OperationList]:
        """List operations.

        By number: those that go on, and the last that have ended.

        `GET /v1/operations`
        """
        return self._transport.json(
            types.OperationList,
            "GET",
            "/v1/operations",
            query={"limit": limit, "cursor": cursor, "vm": vm, "state": state},
        )

    def show_operation(self, id: int, *, wait: int | None = None) -> Answer[types.Operation]:
        """Show an operation.

        `GET /v1/operations/{id}`
        """
        return self._transport.json(types.Operation, "GET", f"/v1/operations/{part(id)}", query={"wait": wait})

    def cancel_operation(self, id: int) -> Answer[types.Operation]:
        """Cancel an operation.

        It ends soon, as `cancelled` unless it was done just before.

        `POST /v1/operations/{id}/cancel`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/operations/{part(id)}/cancel")

    def list_pools(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        name: str | None = None,
        parent: str | None = None,
    ) -> Answer[types.PoolList]:
        """List resource pools.

        By name.

        `GET /v1/pools`
        """
        return self._transport.json(
            types.PoolList,
            "GET",
            "/v1/pools",
            query={"limit": limit, "cursor": cursor, "name": name, "parent": parent},
        )

    def create_pool(self, body: types.PoolSpec) -> Answer[types.Pool]:
        """Create a resource pool.

        `POST /v1/pools`
        """
        return self._transport.json(types.Pool, "POST", "/v1/pools", json=body)

    def show_pool(self, name: str) -> Answer[types.Pool]:
        """Show a resource pool.

        `GET /v1/pools/{name}`
        """
        return self._transport.json(types.Pool, "GET", f"/v1/pools/{part(name)}")

    def change_pool(self, name: str, body: types.PoolChange, *, if_match: str | None = None) -> Answer[types.Pool]:
        """Change a resource pool.

        Only what is named changes; null takes away what it may be without.

        `PATCH /v1/pools/{name}`
        """
        return self._transport.json(
            types.Pool,
            "PATCH",
            f"/v1/pools/{part(name)}",
            json=body,
            header={"if-match": if_match},
        )

    def remove_pool(self, name: str) -> Answer[None]:
        """Remove a resource pool.

        In which nothing lies.

        `DELETE /v1/pools/{name}`
        """
        return self._transport.nothing("DELETE", f"/v1/pools/{part(name)}")

    def list_settings(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        name: str | None = None,
    ) -> Answer[types.SettingList]:
        """List settings.

        By name.

        `GET /v1/settings`
        """
        return self._transport.json(
            types.SettingList,
            "GET",
            "/v1/settings",
            query={"limit": limit, "cursor": cursor, "name": name},
        )

    def change_settings(self, body: types.SettingsChange, *, if_match: str | None = None) -> Answer[types.SettingList]:
        """Change settings.

        All that are named, or none.

        `PATCH /v1/settings`
        """
        return self._transport.json(
            types.SettingList,
            "PATCH",
            "/v1/settings",
            json=body,
            header={"if-match": if_match},
        )

    def show_setting(self, name: str) -> Answer[types.Setting]:
        """Show a setting.

        `GET /v1/settings/{name}`
        """
        return self._transport.json(types.Setting, "GET", f"/v1/settings/{part(name)}")

    def follow(
        self,
        *,
        only: types.Only | None = None,
        since: int | None = None,
        last_event_id: str | None = None,
    ) -> Lines:
        """Follow what happens.

        As `text/event-stream`: first a `snapshot` of all there is, then each `event`, and once a second the
        host's `status`. Who comes back with the id of the last message is given the events that were missed
        or, if these are not kept any more, a `snapshot` again. A client that does not read in time is cut
        off. When its token is removed or expires, the last message is `end`, with a Problem.

        `GET /v1/stream`
        """
        return self._transport.lines(
            "GET",
            "/v1/stream",
            query={"only": only, "since": since},
            header={"last-event-id": last_event_id},
        )

    def list_tokens(self, *, limit: int | None = None, cursor: str | None = None) -> Answer[types.TokenList]:
        """List tokens.

        By name; without their secrets, which nobody knows any more.

        `GET /v1/tokens`
        """
        return self._transport.json(types.TokenList, "GET", "/v1/tokens", query={"limit": limit, "cursor": cursor})

    def create_token(self, body: types.TokenSpec) -> Answer[types.NewToken]:
        """Make a token.

        Its secret is in the answer and nowhere else.

        `POST /v1/tokens`
        """
        return self._transport.json(types.NewToken, "POST", "/v1/tokens", json=body)

    def remove_token(self, name: str) -> Answer[None]:
        """Remove a token.

        From then on it is not valid. What goes on that it began goes on.

        `DELETE /v1/tokens/{name}`
        """
        return self._transport.nothing("DELETE", f"/v1/tokens/{part(name)}")

    def list_vms(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        name: str | None = None,
        power: types.Power | None = None,
        pool: str | None = None,
    ) -> Answer[types.VmList]:
        """List VMs.

        By name.

        `GET /v1/vms`
        """
        return self._transport.json(
            types.VmList,
            "GET",
            "/v1/vms",
            query={"limit": limit, "cursor": cursor, "name": name, "power": power, "pool": pool},
        )

    def create_vm(self, body: types.VmSpec) -> Answer[types.Vm]:
        """Create a VM.

        It is stopped.

        `POST /v1/vms`
        """
        return self._transport.json(types.Vm, "POST", "/v1/vms", json=body)

    def show_vm(self, name: str) -> Answer[types.Vm]:
        """Show a VM.

        `GET /v1/vms/{name}`
        """
        return self._transport.json(types.Vm, "GET", f"/v1/vms/{part(name)}")

    def change_vm(self, name: str, body: types.VmChange, *, if_match: str | None = None) -> Answer[types.Vm]:
        """Change a VM.

        Only what is named changes; null takes away what a VM may be without. What it boots, its memory, CPUs
        and swap directory change only while it is stopped.

        `PATCH /v1/vms/{name}`
        """
        return self._transport.json(
            types.Vm,
            "PATCH",
            f"/v1/vms/{part(name)}",
            json=body,
            header={"if-match": if_match},
        )

    def remove_vm(self, name: str) -> Answer[None]:
        """Remove a VM.

        Which must be stopped.

        `DELETE /v1/vms/{name}`
        """
        return self._transport.nothing("DELETE", f"/v1/vms/{part(name)}")

    def audit_vm(self, name: str) -> Answer[types.Operation]:
        """Check the invariants of a VM.

        Of its memory and of its processors' caches.

        `POST /v1/vms/{name}/audit`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/audit")

    def read_console(self, name: str, *, from_: int | None = None) -> Answer[bytes]:
        """Read what a VM's guest said.

        As far as it is kept. Asked for a WebSocket, goes on with what it says from then on, in binary
        messages, and takes keys in the same way. A text message `{"from": 4711}` says with which byte the
        next one begins.

        `GET /v1/vms/{name}/console`
        """
        return self._transport.octets("GET", f"/v1/vms/{part(name)}/console", query={"from": from_})

    def type_in(self, name: str, body: bytes | None = None) -> Answer[types.TypedIn]:
        """Type to a VM's guest.

        It takes fewer bytes than all only while it does not read.

        `POST /v1/vms/{name}/console`
        """
        return self._transport.json(types.TypedIn, "POST", f"/v1/vms/{part(name)}/console", content=body)

    def explain_vm(self, name: str) -> Answer[types.Explained]:
        """Explain what a VM holds.

        And what would change it.

        `GET /v1/vms/{name}/explain`
        """
        return self._transport.json(types.Explained, "GET", f"/v1/vms/{part(name)}/explain")

    def map(self, name: str, *, cpu: int | None = None, pages: int | None = None) -> Answer[types.Map]:
        """Show how a VM's memory is mapped.

        What its pages are, and some of those that are mapped in one address space.

        `GET /v1/vms/{name}/map`
        """
        return self._transport.json(types.Map, "GET", f"/v1/vms/{part(name)}/map", query={"cpu": cpu, "pages": pages})

    def address(self, name: str, gva: types.Hex, *, cpu: int | None = None) -> Answer[types.Address]:
        """Follow an address.

        From guest virtual through the guest's page tables and the pmap to the machine frame, and by the
        shadow entry.

        `GET /v1/vms/{name}/map/{gva}`
        """
        return self._transport.json(types.Address, "GET", f"/v1/vms/{part(name)}/map/{part(gva)}", query={"cpu": cpu})

    def move_pages(self, name: str, body: types.MovePages) -> Answer[types.Moved]:
        """Move pages of a VM.

        To other machine frames, unnoticed by its guest.

        `POST /v1/vms/{name}/move`
        """
        return self._transport.json(types.Moved, "POST", f"/v1/vms/{part(name)}/move", json=body)

    def pause_vm(self, name: str) -> Answer[types.Operation]:
        """Pause a VM.

        Its vCPUs stand still, and its clock. Its memory stays and may be reclaimed, though not by its
        balloon; what is reserved for it stays reserved. A VM that is paused already is fine.

        `POST /v1/vms/{name}/pause`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/pause")

    def restart_vm(self, name: str, body: types.RestartVm | None = None) -> Answer[types.Operation]:
        """Restart a VM.

        Without a body: it is reset at once, and its guest is loaded anew, as when its guest reboots. With
        `guest`, the guest is asked to shut down first, as by a stop. It stays the same VM: its number,
        console and memory, and what is reserved for it. Done when its guest runs.

        `POST /v1/vms/{name}/restart`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/restart", json=body)

    def resume_vm(self, name: str) -> Answer[types.Operation]:
        """Resume a VM.

        That was paused. One that runs is fine.

        `POST /v1/vms/{name}/resume`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/resume")

    def start_vm(self, name: str) -> Answer[types.Operation]:
        """Start a VM.

        Done when its guest runs.

        `POST /v1/vms/{name}/start`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/start")

    def statistics(self, name: str) -> Answer[types.Statistics]:
        """Show what a VM counted.

        Under each technique of its MMU, since it started.

        `GET /v1/vms/{name}/statistics`
        """
        return self._transport.json(types.Statistics, "GET", f"/v1/vms/{part(name)}/statistics")

    def stop_vm(self, name: str, body: types.StopVm | None = None) -> Answer[types.Operation]:
        """Stop a VM.

        Without a body: its guest is asked to shut down, through its agent, and given `VM.StopDeadline`. If it
        cannot be asked or has not ended by then, it is powered off, and `message` says so. `waiting` says how
        long it still has; cancelled meanwhile, the guest may still shut down. Done when the VM's memory is
        free again. A VM that is stopped already is fine.

        `POST /v1/vms/{name}/stop`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/stop", json=body)

    def unswap_vm(self, name: str) -> Answer[types.Operation]:
        """Bring back what is compressed and swapped.

        As far as memory is free. `done_bytes` says how much.

        `POST /v1/vms/{name}/unswap`
        """
        return self._transport.json(types.Operation, "POST", f"/v1/vms/{part(name)}/unswap")

    def what_if(self, body: types.Edit) -> Answer[types.WhatIf]:
        """Say what would be if.

        Plans the host as it was measured last, with and without an edit, and gives the difference. Nothing is
        touched.

        `POST /v1/what-if`
        """
        return self._transport.json(types.WhatIf, "POST", "/v1/what-if", json=body)

    def whoami(self) -> Answer[types.Caller]:
        """Say who asks.

        And what they may do: a client need not offer the rest.

        `GET /v1/whoami`
        """
        return self._transport.json(types.Caller, "GET", "/v1/whoami")
