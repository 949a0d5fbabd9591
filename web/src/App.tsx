// The frame around every page: navigation, what the connection does, and what is said of commands.

import { useEffect } from 'preact/hooks';
import { refused, token } from './api/session.ts';
import { connection, model, watchHost } from './state/host.ts';
import { route } from './state/route.ts';
import { Notices } from './parts/Notices.tsx';
import { Meaning } from './parts/Term.tsx';
import { Sidebar } from './parts/Sidebar.tsx';
import { Loading, Lost } from './parts/Waiting.tsx';
import { SignIn } from './pages/SignIn.tsx';
import { pageAt } from './pages/pages.tsx';

export function App() {
  const signedOut = refused.value;
  useEffect(() => {
    if (signedOut) return undefined;
    const stop = new AbortController();
    watchHost(stop.signal);
    return () => stop.abort();
  }, [signedOut, token.value]);
  return (
    <>
      {signedOut ? <SignIn /> : <Frame />}
      <Notices />
      <Meaning />
    </>
  );
}

function Frame() {
  const { path } = route.value;
  const page = pageAt(path);
  useEffect(() => {
    document.title = `${page.title} · Memtide`;
  }, [page.title]);
  // A new page is read from its top, and from its heading by a screen reader.
  useEffect(() => {
    if (document.activeElement?.closest('.sidebar, .brand')) document.getElementById('page')?.focus();
    scrollTo(0, 0);
  }, [page.title]);
  const skip = (event: Event): void => {
    // The address' fragment is the page, so the link must not change it.
    event.preventDefault();
    document.getElementById('page')?.focus();
  };
  return (
    <div class="frame">
      <a class="skip" href="#page" onClick={skip}>
        Skip to the page
      </a>
      <Sidebar />
      <main id="page" tabIndex={-1}>
        <Lost />
        {model.value ? page.show() : <Loading failed={connection.value.is === 'lost'} />}
      </main>
    </div>
  );
}
