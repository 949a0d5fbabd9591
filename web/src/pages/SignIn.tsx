import { signIn, token } from '../api/session.ts';

export function SignIn() {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget as HTMLFormElement).get('token');
    if (typeof typed === 'string' && typed.trim()) signIn(typed.trim());
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <h1>Memtide</h1>
        <p>{token.value === null ? 'This host wants to know who you are.' : 'The host does not take this token.'}</p>
        <label>
          <span>Token</span>
          <input name="token" type="password" autocomplete="current-password" required autofocus />
        </label>
        <button type="submit" class="primary">
          Sign in
        </button>
        <p class="hint">The host’s administrator makes tokens. It is kept until this tab is closed.</p>
      </form>
    </main>
  );
}
