// The page in a browser, against a live host: every page, and every edit seen on the host.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { alarms } from './e2e/alarms.mjs';
import { launch, open, TestHost, until } from './e2e/host.mjs';
import { settings } from './e2e/settings.mjs';

const MIB = 2 ** 20;
const host = new TestHost();
let browser;
/** The signed-in page that tests share, in their order. */
let tab;

before(async () => {
  await host.start();
  browser = await launch();
  tab = await open(browser, host);
});

after(async () => {
  await browser?.close();
  await host.stop();
});

const vm = (name) => host.ask('GET', `/v1/vms/${name}`);
const said = (text) => tab.page.locator('.notice', { hasText: text }).first().waitFor();

describe('signing in', () => {
  test('takes the token out of the address', () => {
    assert.equal(tab.page.url(), `${host.base}#/`);
  });

  test('asks for a token, says when it is wrong, and lets in with the right one', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(host.base);
    await page.getByText('wants to know who you are').waitFor();
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('does not take this token').waitFor();
    await page.getByLabel('Token').fill(host.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Virtual machines' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Virtual machines' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    await context.close();
  });
});

describe('the overview', () => {
  test('shows the host and its VMs, in any order', async () => {
    const { page, go } = tab;
    await go('');
    const names = () => page.locator('.vms tbody th').allTextContents();
    assert.deepEqual(await names(), ['idle-c', 'web-a', 'web-b']);
    await page.getByRole('button', { name: 'Size' }).click();
    assert.deepEqual(await names(), ['web-a', 'idle-c', 'web-b']);
    assert.equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
    await page.getByLabel('Filter by name').fill('WEB');
    assert.deepEqual(await names(), ['web-a', 'web-b']);
    await page.getByLabel('Filter by name').fill('');
    await page.getByText(/^Until (clear|soft|hard|low)$/).waitFor();
  });

  test('has a table for every chart', async () => {
    const { page } = tab;
    for (const title of ['Machine memory', 'Held and entitled', 'Moved per second']) {
      for (const button of await page.getByRole('button', { name: `As table: ${title}` }).all()) await button.click();
    }
    const { ledger } = await host.ask('GET', '/v1/host');
    await page.locator(`.composition td [title*="bytes"]`).first().waitFor();
    assert.ok(ledger.total_bytes > 0);
    await until('tables have rows', async () => (await page.locator('.history tbody tr').count()) >= 3);
    for (const button of await page.getByRole('button', { name: 'As table' }).all()) await button.click();
  });

  test('explains a figure to a mouse, to keys and to a screen reader, and moves nothing by it', async () => {
    const { page } = tab;
    const term = page.getByRole('button', { name: 'Overcommitted' });
    const meaning = page.locator('.meaning');
    const place = () => page.locator('.vms').evaluate((table) => table.getBoundingClientRect().top + scrollY);
    const before = await place();
    await term.hover();
    await meaning.getByText('promised beyond what there is').waitFor();
    assert.equal(await place(), before);
    await meaning.hover();
    await page.waitForTimeout(300);
    assert.ok(await meaning.isVisible(), 'one can go there with the mouse');
    await page.mouse.move(0, 0);
    await meaning.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Promised' }).focus();
    await page.keyboard.press('Tab');
    await meaning.getByText('promised beyond what there is').waitFor();
    await page.getByRole('status').getByText('promised beyond what there is').waitFor();
    await page.keyboard.press('Escape');
    await meaning.waitFor({ state: 'hidden' });
    await page.keyboard.press('Enter');
    await meaning.waitFor();
    assert.equal(await term.getAttribute('aria-expanded'), 'true');
    await page.getByRole('heading', { name: 'Virtual machines' }).click();
    await meaning.waitFor({ state: 'hidden' });
  });

  test('explains the head of a column, which still sorts', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: 'Entitled' }).first().focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    await page.locator('.meaning', { hasText: 'What it should hold at most' }).waitFor();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('th.of-entitlement_bytes').getAttribute('aria-sort'), 'descending');
    await page.getByRole('button', { name: 'Name' }).click();
    await page.keyboard.press('Escape');
  });

  test('shows the columns that were chosen, in this browser from now on', async () => {
    const { page } = tab;
    const heads = () => page.locator('.vms thead th').allInnerTexts();
    assert.ok(!(await heads()).includes('Swapped'));
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('Swapped', { exact: true }).check();
    await page.keyboard.press('Escape');
    await page.reload();
    await page.locator('th.of-swapped_bytes').waitFor();
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('button', { name: 'As usual' }).click();
    await page.locator('th.of-swapped_bytes').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
  });

  test('says what was promised as the host counts it', async () => {
    const { ledger, vms, overcommitment } = await host.ask('GET', '/v1/host');
    const promised = vms.reduce((sum, one) => sum + Math.min(one.size_bytes, one.limit_bytes ?? Infinity) + one.overhead_reserved_bytes, 0);
    const there = ledger.total_bytes - ledger.host_overhead_bytes;
    assert.ok(Math.abs(Math.max(0, promised / there - 1) - overcommitment) < 0.02, `${promised} of ${there} and ${overcommitment}`);
  });

  test('creates a VM', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: 'Create…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('made-d');
    await dialog.getByLabel('Memory').fill('96 MiB');
    await dialog.getByLabel('Start it').uncheck();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await said('made-d is created');
    assert.equal((await vm('made-d')).memory_bytes, 96 * MIB);
    await page.getByRole('link', { name: 'made-d' }).waitFor();
  });

  test('says why a VM cannot be created', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: 'Create…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('web-a');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });
});

describe('a VM', () => {
  test('is shown from both sides, with its pages, history and reasons', async () => {
    const { page, go } = tab;
    await go('vms/web-a');
    await page.getByRole('heading', { name: 'What the guest sees' }).waitFor();
    await page.getByRole('heading', { name: 'What the host sees' }).waitFor();
    await page.getByText('112 MiB').first().waitFor();
    await page.locator('.prose p', { hasText: 'web-a has 112 MiB' }).waitFor();
    assert.equal(await page.locator('.composition .legend li').count(), 7);
    await page.getByText(/^(answers|does not answer|not asked yet)$/).waitFor();
  });

  test('says what it is guaranteed and allowed, and a limit below its size on every page', async () => {
    const { page, go } = tab;
    await host.ask('PATCH', '/v1/vms/idle-c', { limit_bytes: 64 * MIB, reservation_bytes: 8 * MIB });
    await go('vms/idle-c');
    const claim = page.getByRole('region', { name: 'Its claim on machine memory' });
    await claim.getByText('64 MiB').waitFor();
    await claim.getByText('8 MiB', { exact: true }).waitFor();
    await go('vms/idle-c/console');
    await page.getByText('Its limit of 64 MiB is below its size of 96 MiB').waitFor();
    await host.ask('PATCH', '/v1/vms/idle-c', { limit_bytes: null, reservation_bytes: 0 });
    await page.getByText('is below its size').waitFor({ state: 'detached' });
  });

  test('links the cursors of its charts, and moves them by keyboard', async () => {
    const { page, go } = tab;
    await go('vms/web-a');
    await until('there is some history', async () => {
      await page.locator('.plot').first().focus();
      await page.keyboard.press('ArrowLeft');
      const times = (await page.locator('.chart .at').allTextContents()).filter(Boolean);
      return times.length === 3 && new Set(times).size === 1;
    });
  });

  test('is started, stopped and removed', async () => {
    const { page, go } = tab;
    await go('vms/made-d');
    // Exactly: 'Restart…' has it, too.
    const start = page.getByRole('button', { name: 'Start', exact: true });
    await start.click();
    await said('made-d runs');
    assert.equal((await vm('made-d')).power, 'running');
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('button', { name: 'Shut down' }).click();
    await said('made-d is powered off: no agent runs in its guest');
    assert.equal((await vm('made-d')).power, 'stopped');
    assert.ok(await start.isVisible(), 'what came of it is said when it is to be seen');
    await start.click();
    await until('it runs again', async () => (await vm('made-d')).power === 'running');
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('button', { name: 'Power off' }).click();
    await until('it is stopped', async () => (await vm('made-d')).power === 'stopped');
    await page.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await said('made-d is removed');
    await assert.rejects(vm('made-d'), /no-such-vm/);
  });

  test('is audited and unswapped', async () => {
    const { page, go } = tab;
    await go('vms/web-b');
    await page.getByRole('button', { name: 'Audit' }).click();
    await page.locator('.notice.good').last().waitFor();
    await page.getByRole('button', { name: 'Unswap' }).click();
    await until('it is done', async () => {
      const { items } = await host.ask('GET', '/v1/operations?vm=web-b');
      return ['audit', 'unswap'].every((kind) => items.some((one) => one.kind === kind && one.state === 'done'));
    });
  });
});

describe('its allocation', () => {
  test('shows what would happen, then does it', async () => {
    const { page, go } = tab;
    await go('vms/web-a/allocation');
    const slider = page.getByRole('slider', { name: 'Reservation' });
    await slider.focus();
    for (let step = 0; step < 16; step += 1) await page.keyboard.press('ArrowRight');
    assert.equal(await slider.getAttribute('aria-valuetext'), '16 MiB');
    await page.getByText('State of memory:').waitFor();
    assert.equal((await vm('web-a')).reservation_bytes, 0, 'nothing is done before Apply');
    await page.getByLabel('No limit').uncheck();
    await page.getByLabel('Limit, typed').fill('100 MiB');
    await page.keyboard.press('Tab');
    await page.getByLabel('Level of shares').selectOption('high');
    await page.getByRole('button', { name: 'Apply' }).click();
    await said('web-a is changed');
    const { reservation_bytes, limit_bytes, shares } = await vm('web-a');
    assert.deepEqual([reservation_bytes, limit_bytes, shares], [16 * MIB, 100 * MIB, 'high']);
  });

  test('says that it would be refused', async () => {
    const { page } = tab;
    const unreserved = (await host.ask('GET', '/v1/host')).unreserved_bytes;
    await host.ask('POST', '/v1/pools', { name: 'greedy', reservation_bytes: Math.floor(unreserved / MIB - 32) * MIB });
    await page.getByLabel('Reservation, typed').fill('96 MiB');
    await page.keyboard.press('Tab');
    await page.getByText('It would be refused').waitFor();
    await page.getByRole('button', { name: 'Reset' }).click();
    await host.ask('DELETE', '/v1/pools/greedy');
  });

  test('notices that somebody else was faster', async () => {
    const { page } = tab;
    await page.getByRole('slider', { name: 'Shares' }).press('Home');
    await host.ask('PATCH', '/v1/vms/web-a', { reservation_bytes: 24 * MIB });
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('Somebody else has changed this VM meanwhile').waitFor();
    await page.getByText('Reservation: 16 MiB → 24 MiB').waitFor();
    assert.equal((await vm('web-a')).shares, 'high', 'nothing was applied');
    await page.getByRole('button', { name: 'Keep my edits on top' }).click();
    await page.getByRole('button', { name: 'Apply' }).click();
    await until('both edits are there', async () => {
      const { reservation_bytes, shares } = await vm('web-a');
      return reservation_bytes === 24 * MIB && shares === 70;
    });
  });

  test('follows others while nothing is edited', async () => {
    await host.ask('PATCH', '/v1/vms/web-a', { reservation_bytes: 0, limit_bytes: null, shares: 'normal' });
    await tab.page.locator('input[type=range][aria-valuetext="0 B"]').waitFor();
    assert.ok(await tab.page.getByLabel('No limit').isChecked());
  });
});

settings(host, () => tab, said);

describe('its processors and console', () => {
  test('the technique is chosen, with its counters and the reason', async () => {
    const { page, go } = tab;
    await go('vms/web-a/mmu');
    await page.getByLabel('Software').check();
    await until('it is set', async () => (await vm('web-a')).mmu === 'software');
    await page.getByRole('heading', { name: 'Why it is done so' }).waitFor();
    const counted = page.getByRole('region', { name: 'Counted since it was started' }).locator('tbody tr');
    await counted.filter({ hasText: 'TLB hits' }).waitFor();
    assert.equal(await counted.locator('th .term').count(), await counted.count(), 'every counter is explained');
    await page.getByLabel('Automatic').check();
    await until('it is set back', async () => (await vm('web-a')).mmu === 'automatic');
  });

  test('keys go to the guest, and lines do', async () => {
    const { page, go } = tab;
    await go('vms/web-b/console');
    const screen = page.getByRole('textbox', { name: 'Console of web-b' });
    await page.locator('.console .live').waitFor();
    await screen.focus();
    await page.keyboard.type('echo $((6*7))');
    await page.keyboard.press('Enter');
    await until('the guest answers', async () => /\n42\n/.test(await screen.textContent()));
    await page.getByLabel('A line to type').fill('echo by-$((20+2))-line');
    await page.getByRole('button', { name: 'Send' }).click();
    await until('the guest answers again', async () => (await screen.textContent()).includes('by-22-line'));
    await screen.focus();
    await page.keyboard.press('Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement?.className), 'screen', 'Tab leaves it');
  });
});

describe('the memory map', () => {
  test('is drawn, and any address followed', async () => {
    const { page, go } = tab;
    // Whose shell waits, so that its address space stays.
    await go('map/web-b');
    await page.locator('.map .path').first().waitFor();
    await page.getByRole('button', { name: 'Hold still' }).click();
    await page.getByText('256 MiB, to scale').waitFor({ state: 'detached' });
    await page.getByLabel('To scale').check();
    await page.getByText('256 MiB, to scale').waitFor();
    await page.getByRole('button', { name: 'As table: Memory map' }).click();
    await page.getByRole('button', { name: /^Follow 0x/ }).first().click();
    const steps = page.locator('.steps > li');
    await until('steps are shown', async () => (await steps.count()) >= 5);
    await page.getByRole('heading', { name: /^Machine 0x/ }).waitFor();
    await page.getByLabel('Guest virtual address').fill('0x8');
    await page.getByRole('button', { name: 'Follow', exact: true }).click();
    await page.getByText('The guest’s tables lead nowhere').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
  });
});

describe('resource pools', () => {
  test('are created, changed, filled and removed', async () => {
    const { page, go } = tab;
    await go('pools');
    await page.getByRole('button', { name: 'Create…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('lab');
    await dialog.getByLabel('Reservation, typed').fill('8 MiB');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await said('lab is created');
    assert.equal((await host.ask('GET', '/v1/pools/lab')).reservation_bytes, 8 * MIB);
    await page.getByLabel('Resource pool of idle-c').selectOption('lab');
    await until('it is moved', async () => (await vm('idle-c')).pool === 'lab');
    await page.getByRole('button', { name: 'Edit lab' }).click();
    await dialog.getByLabel('Shares', { exact: true }).selectOption('custom');
    await dialog.getByLabel('How many').fill('123456');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await said('lab is changed');
    assert.equal((await host.ask('GET', '/v1/pools/lab')).shares, 123456);
    await page.getByRole('button', { name: 'Edit lab' }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('Resource pool of idle-c').selectOption('');
    await until('it is moved back', async () => !(await vm('idle-c')).pool);
    await page.getByRole('button', { name: 'Edit lab' }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await said('lab is removed');
  });
});

describe('settings, events and operations', () => {
  const setting = async (name) => (await host.ask('GET', `/v1/settings/${name}`)).value;

  test('a setting is set, kept within its range, and put back', async () => {
    const { page, go } = tab;
    await go('settings');
    const field = page.getByLabel('Mem.IdleTax', { exact: true });
    await field.fill('500');
    assert.ok(await page.getByRole('button', { name: 'Set Mem.IdleTax', exact: true }).isDisabled());
    await field.fill('50');
    await page.keyboard.press('Enter');
    await until('it is set', async () => (await setting('Mem.IdleTax')) === 50);
    await page.getByRole('button', { name: 'Mem.IdleTax: default', exact: true }).click();
    await until('it is at its default', async () => (await setting('Mem.IdleTax')) === 75);
    await page.getByLabel('Search settings').fill('idle');
    await until('only some are left', async () => (await page.locator('.settings > li').count()) === 2);
  });

  test('events are found', async () => {
    const { page, go } = tab;
    await go('events');
    await page.getByLabel('Kind').selectOption('setting-changed');
    await page.getByText('Mem.IdleTax was set from 75 to 50.').waitFor();
    await page.getByLabel('Kind').selectOption('');
    await page.getByLabel('VM', { exact: true }).selectOption('web-a');
    await page.getByText('reservation').first().waitFor();
    await page.getByLabel('Search events').fill('nothing is like this');
    await page.getByText('No event is like that.').waitFor();
    assert.match(page.url(), /vm=web-a/);
  });

  test('operations are listed, and begun', async () => {
    const { page, go } = tab;
    await go('operations');
    await page.getByRole('button', { name: 'Check all invariants' }).click();
    await page.getByRole('row', { name: /Audit the host done/ }).waitFor();
  });
});

test('who may only look is offered nothing else, and may still try what would be', async () => {
  const { secret } = await host.ask('POST', '/v1/tokens', { name: 'visitor', role: 'view' });
  const { page, go, wrongs, close } = await open(browser, host, { token: secret });
  await page.getByText('Token visitor may view').waitFor();
  const offered = (name) => page.getByRole('button', { name }).count();
  assert.equal(await offered('Create…'), 0);
  await go('vms/web-b/allocation');
  await page.getByText('takes the role administer').waitFor();
  assert.deepEqual([await offered('Stop…'), await offered('Apply')], [0, 0]);
  await page.getByLabel('Reservation, typed').fill('16 MiB');
  await page.keyboard.press('Tab');
  await page.getByText('State of memory:').waitFor();
  await go('vms/web-b/mmu');
  await page.getByText('To choose takes the role administer').waitFor();
  assert.ok(await page.getByLabel('Software').isDisabled());
  await go('vms/web-b/settings');
  await page.getByText('To change this takes the role administer').waitFor();
  assert.ok(await page.getByLabel('Sharing group').isDisabled());
  assert.equal(await offered('Apply'), 0);
  await go('vms/web-b/console');
  await page.getByText('takes the role operate').waitFor();
  await go('alarms');
  await page.getByRole('row', { name: /^vm-waiting yes/ }).waitFor();
  assert.equal(await offered('Create a rule…'), 0);
  await go('settings');
  await page.getByText('Mem.IdleTax', { exact: true }).waitFor();
  assert.equal(await offered(/^Set /), 0);
  assert.deepEqual(wrongs, []);
  await close();
});

alarms(host, () => tab, said);

test('a connection that is lost is said, and taken up again', async () => {
  const { page, go } = tab;
  await go('');
  await host.disconnect();
  await page.locator('.banner', { hasText: 'The connection to the host is lost.' }).waitFor();
  await page.getByRole('link', { name: 'web-a' }).waitFor();
  await host.connect();
  await page.locator('.banner').waitFor({ state: 'detached' });
  assert.equal(await page.locator('.connected.live').count(), 1);
});

test('what is not there is said', async () => {
  await tab.go('vms/nobody');
  await tab.page.getByText('There is not a VM called nobody.').waitFor();
});

test('nothing went wrong on the way: no error, no request to elsewhere', () => {
  assert.deepEqual(tab.wrongs, []);
});
