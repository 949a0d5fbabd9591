// What words that stand as values mean, and what can be done about them. Every value of the interface has one: what is new does
// not compile until it is explained.

import type { Afterwards, Autostart, BalloonUse, Bound, Conduct, GuestState, HostState, Mmu, Power, RestartedFor, Why } from '../api/schema.ts';
import type { MachineUse, PageState } from '../state/composition.ts';

export const hostStates: Record<HostState, string> = {
  high: 'Enough memory is free. Nothing is taken from anybody.',
  clear: 'Free memory is getting less. Nothing is taken yet.',
  soft: 'Memory is taken back by ballooning, and otherwise by compressing and swapping.',
  hard: 'Memory is taken back by compressing and swapping, at once.',
  low: 'As hard, and VMs above their target wait before they get more.',
};

/** What an administrator can do; nothing where nothing needs doing. */
export const remedies: Record<HostState, string> = {
  high: '',
  clear: '',
  soft: 'That is what overcommitting means. If VMs wait for memory: stop some, or give the host more.',
  hard: 'VMs wait for their memory. Stop some, or give the host more.',
  low: 'VMs stand still for want of memory. Stop some now, or give the host more.',
};

/** What a page of a VM can be. */
export const pages: Record<PageState, string> = {
  private: 'Pages in frames of their own.',
  shared: 'Pages in frames that hold equal pages too. Writing one gives it a frame of its own.',
  zero: 'Pages that hold nothing but zeros, in the one frame of zeros. They take no memory.',
  ballooned: 'Pages that the guest’s balloon driver has given back for the asking. They take no memory.',
  compressed: 'Pages compressed in the zip store. Using one waits a moment.',
  swapped: 'Pages in the swap file. They take no memory; using one waits for the disk.',
  untouched: 'Pages that the guest has never used, or has given back unasked. They take no memory.',
};

/** What machine memory can be used for. */
export const uses: Record<MachineUse, string> = {
  private: 'Frames that hold one page of one VM each.',
  shared: 'Frames that hold several equal pages each, and the frame of zeros.',
  compressed: 'Frames that hold compressed pages.',
  overhead: 'What VMs and the host cost beyond the guests’ memory: set aside here, as so much is in use beside the pool or is about to be.',
  free: 'Can be handed out at once.',
};

export const powers: Record<Power, string> = {
  stopped: 'It does not run, and takes no machine memory.',
  starting: 'It is being started: its memory is set up and its guest begins.',
  running: 'It runs.',
  paused: 'Its processors and its clock stand still until it is resumed. Its memory stays, and may be reclaimed.',
  unreadable: 'Its file in the host’s state directory cannot be read, so nothing is known of it but its name. It is taken in once the file is mended.',
  stopping: 'It is being stopped: its guest shuts down, or it is being powered off.',
};

export const bounds: Record<Bound, string> = {
  wanted: 'It is entitled to all that it wants: there is enough for that.',
  limit: 'Its limit, or that of a pool around it, lets it have no more. A higher limit would help.',
  reservation: 'Its reservation gives it more than its shares would.',
  shares: 'Its shares buy no more than a part of what it uses. More shares or a reservation would help.',
  'taxed-shares': 'Its shares buy what it uses, and of what it does not use only a part: idle memory is taxed.',
  scarcity: 'There is not even enough for all reservations. Stop a VM, or give the host more memory.',
};

export const conducts: Record<Conduct, string> = {
  absent: 'No balloon driver has answered, so its memory can only be compressed and swapped. The guest’s kernel needs virtio_balloon.',
  untried: 'There is a driver, and it has given nothing yet: it was not asked, or only just now.',
  working: 'The driver gives what it is asked for.',
  slow: 'The driver gives, but less than 4 MiB a second, so the rest is compressed and swapped. Look at how busy the guest is.',
  stuck: 'The driver gives nothing more, though asked. The guest may have nothing left to give: look at its free memory.',
  lying: 'The driver claims pages that it did not give up, so it is passed over. Look at what runs in the guest.',
  probation: 'The driver has failed before, and is asked for a little to see whether it does better.',
};

/** How a guest is, as far as its host can tell. */
export const guests: Record<GuestState, string> = {
  unknown: 'No agent in it has answered, so nothing is known. Start qemu-guest-agent in the guest, or what does the same.',
  well: 'Its agent answers every half minute.',
  silent: 'Its agent answered and has not for a minute in which the VM could run. Look at its console; the guest may hang, or be very slow.',
  panicked: 'Its kernel panicked and stands still. Look at its console, and start the VM anew.',
};

export const balloonUses: Record<BalloonUse, string> = {
  'not-needed': 'nothing was asked of it',
  all: 'it gives all that is taken',
  'at-cap': 'it gives all that its cap allows',
  'too-slow': 'it gives what it can in time',
  'passed-over': 'it is passed over for its conduct',
  'frees-little': 'it gives what it can, but most pages it gives were never used and free nothing',
  'no-time': 'there is no time for it in the state low',
};

export const whys: Record<Why, string> = {
  'within-target': 'it holds no more than its target',
  'host-not-short': 'the host is not short of memory',
  'others-pay-less': 'others, who pay less for a page, give all that is needed',
  'over-limit': 'it, or a pool around it, is over its limit',
  'host-short': 'the host is short of memory',
};

/** Why a VM is slower than it could be. */
export const hindrances = {
  slowed: 'For some seconds it has waited for memory a quarter of its time and more: for decompression, swap-in or a free frame. More shares, a reservation or fewer VMs would help.',
  waits: 'It gets no more frames until it is not above its target any more: the host is short of memory, or its limit is reached.',
  frozen: 'Its swap file takes no pages, so what it takes now could not be taken back: it gets no more frames beyond its reservation until its disk works.',
} as const;

/** Whether the guest's agent answers: in a word, and what that means. */
export const agents: Record<'yes' | 'no' | 'unknown', readonly [word: string, meaning: string]> = {
  yes: ['answers', 'It answered when it was last asked for something: the guest can be asked to shut down.'],
  no: ['does not answer', 'None is there, or it did not answer when it was last asked. Stopping the VM powers it off. Start qemu-guest-agent in the guest, or what does the same.'],
  unknown: ['not asked yet', 'One seems to be there: something in the guest holds its port open. It is asked within half a minute.'],
};

/** Why a VM is restarted. */
export const restarts: Record<RestartedFor, string> = {
  asked: 'somebody asked for it',
  'guest-rebooted': 'its guest rebooted',
  'guest-failed': 'its guest panicked, or said that it failed',
};

/** How a VM's addresses are translated. */
export const techniques: Record<Mmu, [string, string]> = {
  automatic: ['Automatic', 'Whichever costs less at present; changed while it runs.'],
  software: ['Software', 'Shadow page tables lead straight from guest addresses to frames.'],
  hardware: ['Hardware', 'Two stages are walked on each miss: the guest’s tables, then the pmap.'],
};

/** Whether a VM starts with the host. */
export const autostarts: Record<Autostart, [string, string]> = {
  last: ['As it was', 'If it was on when the host ended.'],
  yes: ['Always', 'Whether it was on or not.'],
  no: ['Never', 'Somebody starts it.'],
};

/** What is done about a VM whose guest reboots or panics. */
export const afterwards: Record<Afterwards, string> = {
  restart: 'Restart it',
  stop: 'Power it off',
  keep: 'Keep it as it is',
};

/** How a VM's last run ended. */
export const ends: Record<string, string> = {
  'powered-off': 'its guest powered off',
  'reboot-requested': 'its guest asked for a reboot',
  'guest-failure': 'its guest failed',
  stopped: 'it was stopped',
  failed: 'it failed',
};
