// Alarms and their rules in a browser, on a host that has the VM web-a.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from './host.mjs';

/** `tab` is the signed-in page, `said` waits for what came of a command. */
export const alarms = (host, tab, said) =>
  describe('alarms', () => {
    const rule = (name) => host.ask('GET', `/v1/alarm-rules/${name}`);
    const raised = async (name) => (await host.ask('GET', `/v1/alarms?rule=${name}`)).items[0];

    test('a rule is made, and what it finds is shown, marked on the VM and counted', async () => {
      const { page, go } = tab();
      await go('alarms');
      await page.getByRole('button', { name: 'Create a rule…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('web-uses');
      await dialog.getByLabel('Looks at').selectOption('vm-active');
      await dialog.getByLabel('On these VMs').fill('web-a');
      await dialog.getByLabel('Critical from').fill('1');
      await dialog.getByLabel('Critical is over at').fill('5');
      await dialog.getByText('The critical has to end below where it begins.').waitFor();
      assert.ok(await dialog.getByRole('button', { name: 'Create' }).isDisabled());
      await dialog.getByLabel('Critical is over at').fill('0.5');
      await dialog.getByLabel('Raise after, in seconds').fill('0');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await said('web-uses is created');
      assert.deepEqual((await rule('web-uses')).critical, { raise: 1, clear: 0.5 });
      await until('it is raised', async () => (await raised('web-uses')) !== undefined);
      await page.locator('.alarms li', { hasText: 'by the rule web-uses' }).getByText('critical', { exact: true }).waitFor();
      await page.getByRole('link', { name: /^Alarms \d+ critical, not acknowledged/ }).waitFor();
      await go('');
      await page.getByRole('row', { name: /web-a/ }).getByRole('img', { name: /critical$/ }).waitFor();
      await go('vms/web-a');
      const line = page.locator('.troubles li', { hasText: "VM 'web-a' uses" });
      await line.getByRole('img', { name: 'critical' }).waitFor();
      await line.getByText('Rule web-uses').waitFor();
      await line.getByRole('link', { name: /^Alarm \d+$/ }).click();
      await page.locator('.alarms [aria-current]', { hasText: 'by the rule web-uses' }).waitFor();
    });

    test('an alarm is acknowledged', async () => {
      const { page, go } = tab();
      await go('alarms');
      await page.getByRole('button', { name: /^Acknowledge: VM 'web-a' uses/ }).click();
      await said('is acknowledged');
      assert.equal((await raised('web-uses')).acknowledged.by, 'token browser');
      await page.locator('.alarms .seen', { hasText: 'seen by token browser' }).waitFor();
    });

    test('a rule gets a webhook, whose secret is not shown, and is tested', async () => {
      const { page } = tab();
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Edit the rule web-uses' }).click();
      await dialog.getByLabel('Webhook').fill('http://127.0.0.1:9/alarms');
      await dialog.getByLabel('Header for a secret').fill('x-token');
      await dialog.getByLabel('Secret', { exact: true }).fill('open sesame');
      await dialog.getByRole('button', { name: 'Apply' }).click();
      await said('web-uses is changed');
      assert.deepEqual((await rule('web-uses')).webhook, { url: 'http://127.0.0.1:9/alarms', header: 'x-token' });
      await page.getByRole('button', { name: 'Edit the rule web-uses' }).click();
      assert.equal(await dialog.getByLabel('Secret', { exact: true }).inputValue(), '');
      await dialog.getByRole('button', { name: 'Test' }).click();
      await dialog.getByText(/failed, 127.0.0.1:9: /).waitFor();
      await host.ask('PATCH', '/v1/alarm-rules/web-uses', { clear_after_seconds: 0 });
      await dialog.getByRole('button', { name: 'Apply' }).click();
      await dialog.getByText('was changed since you read it').waitFor();
      await page.keyboard.press('Escape');
    });

    test('a rule is turned off, and removed', async () => {
      const { page } = tab();
      await page.getByLabel('web-uses is on').uncheck();
      await until('it is off', async () => !(await rule('web-uses')).enabled);
      await until('its alarm is gone', async () => (await raised('web-uses')) === undefined);
      await page.locator('.alarms li', { hasText: 'by the rule web-uses' }).waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Edit the rule web-uses' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
      await said('web-uses is removed');
      await assert.rejects(rule('web-uses'), /no-such-alarm-rule/);
      await tab().go('events?kind=alarm-rule-removed');
      await page.getByText('The alarm rule web-uses was removed.').waitFor();
    });
  });
