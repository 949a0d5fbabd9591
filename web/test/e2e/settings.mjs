// All that a VM can be asked to be, in a browser: at creation and later. On a host that has the VMs web-b, which runs, and idle-c.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from './host.mjs';

const MIB = 2 ** 20;

/** `tab` is the signed-in page, `said` waits for what came of a command. */
export const settings = (host, tab, said) =>
  describe('its settings', () => {
    const vm = (name) => host.ask('GET', `/v1/vms/${name}`);
    const apply = () => tab().page.getByRole('button', { name: 'Apply' });

    test('are seen, and changed while it runs or where it has to be stopped', async () => {
      const { page, go } = tab();
      await go('vms/web-b/settings');
      await page.getByLabel('Sharing group').fill('ours');
      await page.getByLabel('Balloon, at most').fill('32 MiB');
      await page.getByLabel('Compression').selectOption('No');
      for (const label of ['Memory', 'Processors', 'Kernel command line', 'Swap directory']) assert.ok(await page.getByLabel(label, { exact: label === 'Memory' }).isDisabled(), label);
      await apply().click();
      await said('web-b is changed');
      const { salt, balloon_max_bytes, zip, sharing, append } = await vm('web-b');
      assert.deepEqual([salt, balloon_max_bytes, zip, sharing], ['ours', 32 * MIB, false, true]);
      assert.equal(await page.getByLabel('Kernel command line').inputValue(), append);
      await page.getByLabel('Sharing group').fill('');
      await page.getByLabel('Balloon, at most').fill('');
      await page.getByLabel('Compression').selectOption('Yes');
      await apply().click();
      await until('they are taken back', async () => {
        const now = await vm('web-b');
        return now.salt === null && now.balloon_max_bytes === null && now.zip;
      });
    });

    test('of one that is stopped are all changed, and what cannot be is said in the words of the host', async () => {
      const { page, go } = tab();
      await go('vms/idle-c/settings');
      const swap = page.getByLabel('Swap directory');
      await swap.fill('swap');
      await apply().click();
      await page.getByRole('alert').getByText('no absolute path').waitFor();
      await swap.fill(host.directory);
      await page.getByLabel('Memory', { exact: true }).fill('100.5 MiB');
      await apply().click();
      await page.getByRole('alert').getByText('whole number of MiB').waitFor();
      await page.getByLabel('Memory', { exact: true }).fill('100 MiB');
      await page.getByLabel('Processors').fill('2');
      await apply().click();
      await said('idle-c is changed');
      const { swap_dir, memory_bytes, cpus } = await vm('idle-c');
      assert.deepEqual([swap_dir, memory_bytes, cpus], [host.directory, 100 * MIB, 2]);
    });

    test('are not taken from somebody who was faster', async () => {
      const { page } = tab();
      // The list of VMs is slow, so that it never has what is changed and changed back.
      await page.route('**/v1/vms', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        await route.continue();
      });
      await page.getByLabel('Page sharing').selectOption('No');
      await host.ask('PATCH', '/v1/vms/idle-c', { swap_dir: null, memory_bytes: 96 * MIB, cpus: 1 });
      await apply().click();
      await page.getByText('Somebody else has changed this VM meanwhile').waitFor();
      await page.getByText('Memory: 100 MiB → 96 MiB').waitFor();
      await page.getByRole('button', { name: 'Keep my edits on top' }).click();
      await apply().click();
      await until('both edits are there', async () => {
        const { sharing, memory_bytes } = await vm('idle-c');
        return !sharing && memory_bytes === 96 * MIB;
      });
      await host.ask('PATCH', '/v1/vms/idle-c', { sharing: true });
      await until('who edits nothing sees what others do', async () => (await page.getByLabel('Page sharing').inputValue()) === 'yes');
      await page.unrouteAll({ behavior: 'wait' });
    });

    test('are those of others once what was edited is taken back', async () => {
      const { page } = tab();
      const compression = page.getByLabel('Compression');
      await compression.selectOption('No');
      const read = page.waitForResponse('**/v1/vms/idle-c');
      await host.ask('PATCH', '/v1/vms/idle-c', { salt: 'theirs' });
      await read;
      assert.equal(await page.getByLabel('Sharing group').inputValue(), '', 'what is edited stays as it is');
      await page.getByRole('button', { name: 'Reset' }).click();
      await until('theirs is seen', async () => (await page.getByLabel('Sharing group').inputValue()) === 'theirs');
      assert.equal(await compression.inputValue(), 'yes');
      await host.ask('PATCH', '/v1/vms/idle-c', { salt: null });
    });

    test('are all offered for a new one, and what is wrong is to be seen', async () => {
      const { page, go } = tab();
      await go('');
      await page.getByRole('button', { name: 'Create…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('made-e');
      await dialog.getByLabel('Start it').uncheck();
      await dialog.getByText('Its claim on machine memory').click();
      await dialog.getByLabel('Limit').fill('a lot');
      await dialog.getByText('Its claim on machine memory').click();
      await dialog.getByRole('button', { name: 'Create' }).click();
      await dialog.getByLabel('Limit').fill('192 MiB');
      await dialog.getByLabel('Shares', { exact: true }).selectOption('custom');
      await dialog.getByLabel('How many').fill('700');
      await dialog.getByText('Sharing and reclaiming its memory').click();
      await dialog.getByLabel('Sharing group').fill('ours');
      await dialog.getByLabel('Swap directory').fill(host.directory);
      await dialog.getByText('When it is started by itself').click();
      await dialog.getByLabel('Starts with the host').selectOption('Never');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await said('made-e is created');
      const { limit_bytes, shares, salt, swap_dir, autostart } = await vm('made-e');
      assert.deepEqual([limit_bytes, shares, salt, swap_dir, autostart], [192 * MIB, 700, 'ours', host.directory, 'no']);
      await host.ask('DELETE', '/v1/vms/made-e');
    });
  });
