// How every page looks, in both themes, on a desk and on a phone: axe finds nothing, nothing is cut off, and pictures are kept.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, TestHost, until } from './e2e/host.mjs';

const pictures = join(fileURLToPath(new URL('.', import.meta.url)), '../../docs/img');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const host = new TestHost();
let browser;

before(async () => {
  // Less than its VMs want, so that there is something to see.
  await host.start('192MiB');
  await host.ask('POST', '/v1/pools', { name: 'lab', reservation_bytes: 16 * 2 ** 20 });
  await host.ask('PATCH', '/v1/vms/web-b', { pool: 'lab' });
  // One alarm that somebody has seen, and one that nobody has.
  const always = { raise_after_seconds: 0, vms: ['web-a'] };
  await host.ask('POST', '/v1/alarm-rules', { ...always, name: 'web-a-out', subject: 'vm-active', warning: { raise: 1 } });
  await host.ask('POST', '/v1/alarm-rules', { ...always, name: 'web-a-uses', subject: 'vm-active', critical: { raise: 1 } });
  const raised = async (rule) => (await host.ask('GET', `/v1/alarms?rule=${rule}`)).items[0];
  // What web-a uses has to be measured first, by a sample that may have begun before it was made short.
  await until('there are alarms', async () => (await raised('web-a-out')) && (await raised('web-a-uses')), 75);
  await host.ask('POST', `/v1/alarms/${(await raised('web-a-out')).id}/acknowledge`);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await host.stop();
});

const pages = [
  { name: 'overview', hash: '' },
  { name: 'vm', hash: 'vms/web-a', ready: (page) => page.locator('.prose p').first().waitFor() },
  { name: 'allocation', hash: 'vms/web-a/allocation', ready: imagine },
  { name: 'mmu', hash: 'vms/web-a/mmu', ready: (page) => page.getByRole('row', { name: /^TLB hits/ }).waitFor() },
  { name: 'power', hash: 'vms/web-a/power' },
  // It shows where whoever takes pictures keeps his guest files.
  { name: 'vm-settings', hash: 'vms/idle-c/settings', ready: (page) => page.getByLabel('Swap directory').waitFor(), noPicture: true },
  { name: 'console', hash: 'vms/web-b/console', ready: (page) => page.locator('.screen', { hasText: 'shell ready' }).waitFor() },
  { name: 'map', hash: 'map/web-b', ready: follow },
  { name: 'pools', hash: 'pools' },
  { name: 'settings', hash: 'settings' },
  { name: 'alarms', hash: 'alarms', ready: (page) => page.locator('.alarms li').nth(1).waitFor() },
  { name: 'events', hash: 'events' },
  { name: 'operations', hash: 'operations', ready: (page) => page.locator('tbody tr').first().waitFor() },
];

/** A change that is being thought of. */
async function imagine(page) {
  await page.getByLabel('Reservation, typed').fill('90 MiB');
  await page.keyboard.press('Tab');
  await page.getByLabel('Level of shares').selectOption('high');
  await page.getByText('State of memory:').waitFor();
}

/** An address that is being followed, in a picture that holds still. */
async function follow(page) {
  await page.locator('.map .path').nth(20).waitFor();
  await page.getByRole('button', { name: 'Hold still' }).click();
  await page.locator('.map .path').nth(20).dispatchEvent('click');
  await until('it is followed', async () => (await page.locator('.steps > li').count()) >= 5);
}

/** What axe finds. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`);
}

const cutOff = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Whether the table of VMs shows all its columns at once. */
const fits = (page) => page.locator('.scroll:has(.vms)').evaluate((frame) => frame.scrollWidth <= frame.clientWidth);

/** Words whose meanings, once tapped, are not wholly to be seen. */
const meaningsOutside = (page) =>
  page.evaluate(async () => {
    const outside = [];
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (const term of document.querySelectorAll('main .term')) {
      term.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      term.click();
      await drawn();
      const { left, right, top, bottom, height } = document.querySelector('.meaning').getBoundingClientRect();
      if (height === 0 || left < 0 || right > innerWidth || top < 0 || bottom > innerHeight) outside.push(term.textContent);
      term.click();
    }
    return outside;
  });

for (const theme of ['light', 'dark']) {
  for (const [place, width] of [['desk', 1280], ['phone', 390]]) {
    test(`${theme}, ${place}`, async () => {
      const { page, wrongs, go, close } = await open(browser, host, { width, theme });
      // Charts of one moment make no picture.
      if (process.env.PICTURES) await page.waitForTimeout(12_000);
      const found = [];
      assert.ok(await fits(page), 'the table of VMs shows all its columns');
      for (const { name, hash, ready, noPicture } of pages) {
        await go(hash);
        await ready?.(page);
        await page.waitForTimeout(300);
        found.push(...(await violations(page)).map((violation) => `${name}: ${violation}`));
        if ((await cutOff(page)) > 0) found.push(`${name}: something is cut off`);
        if (process.env.PICTURES && !noPicture) await page.screenshot({ path: join(pictures, `${name}-${theme}-${place}.png`) });
      }
      assert.deepEqual([...found, ...wrongs], []);
      await close();
    });
  }
}

test('a window of any width shows all columns of the table of VMs', async () => {
  const { page, close } = await open(browser, host);
  for (const width of [1700, 1180, 1000, 861, 860, 621, 620, 360]) {
    await page.setViewportSize({ width, height: 900 });
    await until(`it fits into ${width} pixels`, () => fits(page), 3);
  }
  await close();
});

test('the narrowest phone', async () => {
  const { page, go, close } = await open(browser, host, { width: 360 });
  for (const { name, hash, ready } of pages) {
    await go(hash);
    await ready?.(page);
    assert.equal(await cutOff(page), 0, `${name} fits`);
    assert.deepEqual(await meaningsOutside(page), [], `${name}: what words mean can be read`);
  }
  await go('');
  assert.ok(await fits(page), 'the table of VMs needs no moving');
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('heading', { name: /^Settings/ }).waitFor();
  await close();
});

test('dialogs, meanings and the sign-in form', async () => {
  const { page, go, close } = await open(browser, host);
  await page.getByRole('button', { name: 'Overcommitted' }).click();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('button', { name: 'Columns' }).click();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Create…' }).click();
  for (const summary of await page.locator('dialog summary').all()) await summary.click();
  await page.getByLabel('Shares', { exact: true }).selectOption('custom');
  assert.deepEqual(await violations(page), []);
  await go('pools');
  await page.getByRole('button', { name: 'Edit lab' }).click();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape');
  await go('alarms');
  await page.getByRole('button', { name: 'Edit the rule web-a-uses' }).click();
  await page.getByLabel('Webhook').fill('https://example.org/');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  assert.deepEqual(await violations(page), []);
  await close();
});
