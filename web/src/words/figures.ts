// What figures mean: the one home of every meaning that is shown beside a figure. Complete sentences, for administrators.

/** The host's. */
export const host = {
  state: 'How short of memory the host is: high, clear, soft, hard or low. Free memory decides, and what is done about it follows.',
  free: 'Machine memory that can be handed out at once.',
  until: 'So much may still be used before this state begins.',
  back: 'Once more than this is free, this state is back.',
  spent: 'Of the time since the host was started, it spent in',
  slowed: 'Running VMs that wait for memory for a quarter of their time and more.',
  aim: 'Whenever memory is taken back, so much is to be free in the end.',
  total: 'All machine memory. The parts above add up to it.',
  besidePool:
    'What the host’s process takes beside the pool, by Linux’s count: its anonymous memory and the pages of files it has mapped. Overhead is what is set aside for it.',
  deficit: 'What of the overhead is not free yet and has to be reclaimed first: by so much the host may be beyond its machine memory.',
  promised:
    'What running VMs may come to hold: their sizes, or their limits where these are smaller, and the overhead reserved for them. What VMs do not hold, others use.',
  overcommitted:
    'What is promised beyond what there is, as a part of what there is: all machine memory but the host’s own overhead. That is usual, and bad only if VMs use all of it at once.',
  active: 'Pages in use lately, of all running VMs. Estimated: a sample of pages is watched.',
  notSampled: (vms: number): string => `${vms === 1 ? 'One VM is' : `${vms} VMs are`} not measured yet, so it is at least this.`,
  saved: 'Machine memory that would be needed if equal pages did not share frames: shared and zero pages, less the frames that hold them.',
  ballooned: 'Pages that guests’ balloon drivers have given back for the asking. The guests chose them, so they cost little.',
  compressed: 'Pages in the zip store, by their size as the guests see it. A VM that uses one waits a moment.',
  swapped: 'Pages in swap files. A VM that uses one waits for the disk.',
  swapIn: 'Read from swap files in the last second: guests waited for it.',
  swapOut: 'Written to swap files in the last second.',
  reserved: 'Guaranteed to running VMs and to resource pools, overhead included. Others may use it until it is touched.',
  unreserved: 'Could still be guaranteed, to VMs on the host itself. A VM whose reservation and overhead are larger does not start.',
  consumed: 'Machine memory that all VMs’ pages take, overhead not included.',
  entitlement: 'What running VMs should hold together at most when memory is short.',
} as const;

/** A VM's. */
export const vm = {
  name: 'The VM. A mark beside it: there are alarms.',
  power: 'Whether it runs: stopped, starting, running, paused or stopping; or unreadable, if its file is. A stopped VM takes no machine memory, a paused one keeps its own.',
  pages: 'What its pages are, of its whole size. In order of what is reclaimed.',
  size: 'Memory that the guest believes to have.',
  consumed: 'Machine memory that its pages take: shared frames by part, and compressed pages. Overhead is not included.',
  trend: 'What it consumed in the last two minutes.',
  entitlement: 'What it should hold at most when memory is short. While there is enough, it may hold more.',
  active: 'Pages in use lately. The host estimates it by watching a sample of them, without the guest’s help.',
  notSampled: 'The first sample is not done yet.',
  shared: 'Pages that share a frame with equal ones, zero pages among them.',
  reclaimed: 'Pages that it had and that were taken back: ballooned, compressed and swapped together.',
  ballooned: 'Pages that its balloon driver has given back for the asking.',
  compressed: 'Pages in its zip store, by their size as the guest sees it.',
  swapped: 'Pages in its swap file. Using one waits for the disk.',
  waiting:
    'The part of its processors’ time spent waiting for memory in the last second: for decompression, swap-in or a free frame. From a quarter on, for some seconds, it is called slowed.',
  used: 'Its size, less what is available: what the guest could not give up without swapping. Its balloon driver tells.',
  available: 'What programs in the guest could still use without the guest swapping, caches that it would drop among it, a reserve for its kernel not. Its balloon driver tells.',
  free: 'What the guest has no use for at all, not even as a cache. Its balloon driver tells.',
  cpus: 'Virtual processors.',
  uptime: 'How long ago it was started.',
  guest: 'How the guest is, as far as its host can tell: by its agent, which is asked every half minute, by its console, and by what its kernel tells.',
  oomKills: 'Programs that the guest’s kernel killed since its start because its memory ran out, as it says itself. Give the VM more memory, or let its balloon take less.',
  deviceTime: 'Processor time that the threads of its devices used. Each has a twentieth of a processor for each of its virtual ones at most.',
  agent:
    'A program in the guest that does what the host asks, above all shut the guest down in order. Without one, stopping means to power off. In Debian it is the package qemu-guest-agent.',
  bound: 'What decided over how much it is entitled to.',
  worstCase: 'What it would be entitled to if every VM used its whole size.',
  saved: 'Machine memory that its pages would take more if they were not shared and compressed.',
  balloonTarget: 'The size that its balloon is asked to have. The driver in the guest gets there by and by.',
  swapTarget: 'What is swapped of it, and what is still to be taken by compressing and swapping. As much as is swapped: no more will be.',
  conduct: 'What its balloon driver is worth, judged by what it did when it was asked.',
  overhead: 'What is set aside for what it costs beyond its guest’s memory: translations, devices, the stores of reclaimed pages, and a step for what it takes next.',
  reservation: 'Machine memory guaranteed to it: never taken back once it has touched it. Others may use it until then.',
  limit: 'Machine memory that it never exceeds, even if plenty is free. With one below its size it is slow rather than small.',
  pool: 'Its siblings are the other VMs and pools in it: its shares count against theirs, and the pool’s limit holds for all of them.',
  shares: 'Its claim, against that of its siblings, on what is not reserved when memory is short. Twice the shares, twice the claim.',
} as const;

/** What a resource pool has that a VM has not, or in another way. */
export const pool = {
  reservation: 'Guaranteed. Of the host: all that can be guaranteed, given on or not.',
  given: 'Of what is guaranteed, that which was given on to those within, overhead included.',
  limit: 'What those within never exceed together, even if plenty is free.',
  shares: 'The claim on what is not reserved when memory is short, against siblings in the same pool.',
  entitlement: 'What it should hold at most when memory is short; of a pool, those within together.',
  consumed: 'Machine memory that its pages take; of a pool, those within together.',
  scalable: 'The pool’s shares grow with those of its members. Without this, the pool has a fixed number of shares: as many as a VM of 16 GiB, which a pool of small VMs seldom should have.',
  expandable: 'If the pool’s own reservation is used up, members reserve memory of its parent.',
} as const;

/** Of a change that is being thought of. */
export const whatIf = {
  entitlement: 'What it should hold at most when memory is short.',
  worstCase: 'What it would be entitled to if every VM used its whole size.',
  balloon: 'The size that its balloon is asked to have.',
  out: 'What is swapped of it, and what is to be compressed or swapped at once.',
} as const;

/** Of a plan. */
export const plan = {
  consumed: 'Machine memory that its pages took.',
  target: 'What it should hold at most.',
  bound: 'What decided over the target.',
  active: 'What it used lately.',
  balloonTarget: 'The size that its balloon was asked to have.',
  balloonUse: 'What part its balloon had in giving memory back.',
  taken: 'What was to be compressed and swapped of it at once.',
  why: 'Why memory was taken from it, or not.',
} as const;

/** Of its processors and devices. */
export const machine = {
  technique: 'How it translates addresses at present.',
  instructions: 'Instructions executed since it was started.',
  shadowTables: 'Tables that the host has derived from the guest’s, which lead straight to frames. Only in software.',
  shadowMemory: 'Memory that these tables take.',
  code: 'Memory of guest code that is decoded already, so that it runs faster.',
  software: 'Counted while addresses were translated by shadow page tables.',
  hardware: 'Counted while addresses were translated by walking two stages.',
  together: 'Both techniques together.',
  accesses: 'Times that the guest read or wrote a register of the device.',
  notifications: 'Times that the guest told the device of work.',
  interrupts: 'Times that the device told the guest of something.',
  badRequests: 'Requests that made no sense, which the device has passed over. A sign of a faulty driver in the guest.',
} as const;

/** Of what is moved in a second. */
export const moved = {
  compressed: 'Pages compressed in a second.',
  decompressed: 'Pages decompressed in a second: the guest waited for them a moment.',
  swappedOut: 'Written to swap files in a second.',
  swappedIn: 'Read from swap files in a second: the guest waited for the disk.',
} as const;

/** Of the picture of the three address spaces. */
export const map = {
  code: 'Pages that the guest may execute.',
  data: 'Pages that the guest may write.',
  readonly: 'Pages that the guest may only read.',
  shadow: 'What the software MMU has derived: from the guest virtual page straight to the frame, as the processor uses it.',
  noFrame: 'The page is in no frame now: it is untouched, ballooned, compressed or swapped. The way ends at the guest physical page.',
} as const;

/** What buttons do whose words do not say enough. */
export const deeds = {
  pause: 'Its processors and its clock stand still. Its memory stays, and may be compressed and swapped.',
  resume: 'Its processors and its clock go on where they were.',
  unswap: 'Brings back into memory what is compressed and swapped of it, as far as there is room.',
  audit: 'Checks all invariants of its memory: what the host keeps of it is derived anew and compared.',
  auditAll: 'Checks every VM’s memory and the host’s own: what is kept is derived anew and compared.',
  test: 'Has the actions of the rule done once, as they are kept.',
} as const;

/** Of the table of mapped pages. */
export const mapped = {
  gva: 'The address that a program in the guest uses.',
  permissions: 'What the guest’s tables allow: to read, write and execute, and whether programs may (u) or only its kernel.',
  gfn: 'The guest’s own number of the page.',
  mfn: 'The frame of machine memory that holds it, if it is in one now.',
  shadowed: 'Whether a shadow entry leads from the address straight to the frame.',
} as const;
