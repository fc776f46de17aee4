// Starts the page.

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import './styles/tokens.css';
import './styles/base.css';
import { appBase } from './api/client';
import { makeRouter } from './router';
import { applyTheme } from './shell/preferences';

fixBase();
applyTheme();

/** A relative `<base>` would move along with the address when pages change: from now on it is absolute. */
function fixBase(): void {
  const base = document.querySelector('base');
  if (base) base.href = appBase().href;
}

const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, networkMode: 'always' } },
});

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={makeRouter()} />
    </QueryClientProvider>
  </StrictMode>,
);
