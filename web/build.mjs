// Builds dist/ out of src/: one script, one style, both compressed as well, one page, an icon.
//   --watch   builds again whenever a file changes
//   --tests   builds test/*.test.ts into test/.scratch instead, for node --test
import { context, build } from 'esbuild';
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  for (const name of readdirSync('dist').filter((name) => !name.startsWith('.'))) rmSync(`dist/${name}`);
  copyFileSync('src/index.html', 'dist/index.html');
  copyFileSync('src/icon.svg', 'dist/icon.svg');
  const options = { ...shared, entryPoints: ['src/main.tsx'], outdir: 'dist', format: 'esm', minify: !watch, sourcemap: watch && 'inline' };
  if (watch) await (await context(options)).watch();
  else {
    await build(options);
    for (const name of ['main.js', 'main.css']) {
      writeFileSync(`dist/${name}.gz`, gzipSync(readFileSync(`dist/${name}`), { level: 9 }));
    }
    const size = statSync('dist/main.js.gz').size;
    console.log(`web: ${size} bytes of JavaScript, compressed`);
    if (size > MOST_SCRIPT) throw new Error(`dist/main.js has ${size} bytes compressed; ${MOST_SCRIPT} at most are wanted`);
  }
}
