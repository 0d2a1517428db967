import { css } from 'lit';

/** How pictures share the room that there is. */
export const pictureStyles = css`
  .main {
    position: relative;
    flex: 1;
    display: flex;
    gap: 12px;
    min-height: 0;
  }
  .pictures {
    flex: 1;
    display: flex;
    gap: 12px;
    min-width: 0;
    min-height: 0;
  }
  .grid {
    flex: 1;
    display: flex;
    flex-wrap: wrap;
    place-content: center;
    gap: 12px;
    min-width: 0;
    min-height: 0;
    margin: 0;
    padding: 0;
    overflow: hidden;
    list-style: none;
  }
  .grid li {
    display: grid;
    width: var(--tile-width);
    height: var(--tile-height);
  }
  .grid.beside {
    flex-direction: column;
  }
  .grid li.pinned {
    order: -1;
    width: var(--pinned-width);
    height: var(--pinned-height);
  }
  .stage {
    flex: 1;
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: 1fr;
    gap: 12px;
    min-width: 0;
    min-height: 0;
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .stage li {
    display: grid;
    min-width: 0;
    min-height: 0;
  }
  .sharing .grid {
    flex: 0 0 13rem;
  }
  @container (max-width: 56rem) {
    .pictures.sharing {
      flex-direction: column;
    }
    .pictures.sharing .stage {
      grid-auto-flow: row;
      grid-auto-rows: 1fr;
    }
    .sharing .grid {
      flex: 0 0 clamp(5rem, 22%, 9rem);
    }
  }
  @container (max-width: 46rem) {
    .main,
    .grid,
    .stage,
    .pictures {
      gap: 8px;
    }
  }
`;
