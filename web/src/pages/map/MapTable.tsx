import type { Map } from '../../api/schema.ts';
import { Term } from '../../parts/Term.tsx';
import { mapped } from '../../words/figures.ts';

interface Props {
  map: Map;
  followed: string | null;
  follow: (gva: string) => void;
}

export const MapTable = ({ map, followed, follow }: Props) => (
  <div class="scroll tall" tabIndex={0} role="group" aria-labelledby="map-title">
    <table>
      <thead>
        <tr>
          <th scope="col">
            <Term says={mapped.gva}>Guest virtual</Term>
          </th>
          <th scope="col">
            <Term says={mapped.permissions}>Permissions</Term>
          </th>
          <th scope="col">
            <Term says={mapped.gfn}>gfn</Term>
          </th>
          <th scope="col">
            <Term says={mapped.mfn}>mfn</Term>
          </th>
          <th scope="col">
            <Term says={mapped.shadowed}>Shadow entry</Term>
          </th>
          <th scope="col">
            <span class="unseen">Follow</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {map.sample.map((page) => (
          <tr key={page.gva} class={page.gva === followed ? 'marked' : ''}>
            <th scope="row">
              <code>{page.gva}</code>
            </th>
            <td>
              <code>{page.permissions}</code>
            </td>
            <td>
              <code>{page.gfn}</code>
            </td>
            <td>{page.mfn === null ? 'no frame' : <code>{page.mfn}</code>}</td>
            <td>{page.shadowed ? 'yes' : 'no'}</td>
            <td>
              <button type="button" class="plain" aria-label={`Follow ${page.gva}`} onClick={() => follow(page.gva)}>
                Follow
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
