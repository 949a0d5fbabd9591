export const Missing = ({ what }: { what: string }) => (
  <section class="card missing">
    <h1>Nothing here</h1>
    <p>There is not {what}.</p>
    <p>
      <a href="#/">To the overview</a>
    </p>
  </section>
);
