// Builds dist/ out of src/: one script, one style, both compressed as well, one page, an icon.
//   --watch   builds again whenever a file changes
//   --tests   builds test/*.test.ts into test/.scratch instead, for node --test
import { context, build } from 'esbuild';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** All JavaScript, compressed, in bytes. */
const MOST_SCRIPT = 120_000;

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
const shared = { bundle: true, jsx: 'automatic', jsxImportSource: 'preact', target: 'es2022', logLevel: 'warning' };

if (process.argv.includes('--tests')) {
  const entryPoints = readdirSync('test').filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`);
  await build({ ...shared, entryPoints, outdir: 'test/.scratch', outExtension: { '.js': '.mjs' }, platform: 'node', format: 'esm' });
} else {
  const watch = process.argv.includes('--watch');
  const options = { ...shared, entryPoints: ['src/main.tsx'], outdir: 'dist', format: 'esm', minify: !watch, sourcemap: watch && 'inline' };
  const made = new Map(['index.html', 'icon.svg'].map((name) => [name, readFileSync(`src/${name}`)]));
  if (watch) {
    put(made);
    await (await context(options)).watch();
  } else {
    for (const { path, contents } of (await build({ ...options, write: false })).outputFiles) {
      made.set(basename(path), Buffer.from(contents));
      made.set(`${basename(path)}.gz`, gzipSync(contents, { level: 9 }));
    }
    put(made);
    const size = made.get('main.js.gz').length;
    console.log(`web: ${size} bytes of JavaScript, compressed`);
    if (size > MOST_SCRIPT) throw new Error(`dist/main.js has ${size} bytes compressed; ${MOST_SCRIPT} at most are wanted`);
  }
}

/** Has dist/ hold these files and no others. One that is the same is left alone: the host program that has it in need not be built again. */
function put(files) {
  for (const name of readdirSync('dist')) if (!name.startsWith('.') && !files.has(name)) rmSync(`dist/${name}`);
  for (const [name, bytes] of files) {
    const path = `dist/${name}`;
    if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileSync(path, bytes);
  }
}
