// Routes, and the state that each keeps in its URL.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router';

import { appBase } from './api/client';
import { ExplorePage } from './explore/ExplorePage';
import { App } from './shell/App';
import { fromJaegerPair, fromJaegerSearch, fromUiFind, serviceOfJaeger } from './shell/jaegerLinks';
import { LoadingPage, BrokenPage, UnknownPage } from './shell/pages';
import {
  parseSearch,
  readCompareSearch,
  readExploreSearch,
  readMapSearch,
  readServiceSearch,
  readShellSearch,
  readSqlSearch,
  readTraceSearch,
  stringifySearch,
  withoutForm,
  type CompareSearch,
  type ExploreSearch,
  type MapSearch,
  type RawSearch,
  type ServiceSearch,
  type SqlSearch,
  type TraceSearch,
} from './shell/search';

const rootRoute = createRootRoute({
  validateSearch: (raw: RawSearch) => readShellSearch(raw),
  search: { middlewares: [retainSearchParams(['tz'])] },
  component: App,
  notFoundComponent: UnknownPage,
  errorComponent: BrokenPage,
});

const indexRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/explore', replace: true });
  },
});

const exploreRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/explore',
  validateSearch: (raw: RawSearch): ExploreSearch => readExploreSearch(raw),
  beforeLoad: ({ search }) => {
    const next = withoutForm(search);
    if (next) throw redirect({ to: '/explore', search: next, replace: true });
  },
  component: ExplorePage,
});

const jaegerSearchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/search',
  beforeLoad: ({ location }) => {
    throw redirect({ to: '/explore', search: fromJaegerSearch(location.searchStr), replace: true });
  },
});

/** Jaeger's pages of figures: the map, with a service in its middle or without, and the figures of services. */
const jaegerMapRoutes = (['/dependencies', '/deep-dependencies'] as const).map((path) =>
  createRoute({
    getParentRoute: () => rootRoute,
    path,
    beforeLoad: ({ location }) => {
      const focus = serviceOfJaeger(location.searchStr);
      throw redirect({ to: '/map', search: focus ? { focus } : {}, replace: true });
    },
  }),
);

const jaegerMonitorRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/monitor',
  beforeLoad: ({ location }) => {
    const name = serviceOfJaeger(location.searchStr);
    if (name) throw redirect({ to: '/service/$name', params: { name }, replace: true });
    throw redirect({ to: '/services', replace: true });
  },
});

const traceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/trace/$traceId',
  validateSearch: (raw: RawSearch): TraceSearch => readTraceSearch(raw),
  beforeLoad: ({ location, params }) => {
    const pair = fromJaegerPair(params.traceId);
    if (pair) throw redirect({ to: '/compare', search: pair, replace: true });
    const uiFind = new URLSearchParams(location.searchStr).get('uiFind');
    if (uiFind === null) return;
    const search = fromUiFind(uiFind);
    throw redirect({ to: '/trace/$traceId', params, search, replace: true });
  },
  component: lazyRouteComponent(() => import('./trace/TracePage'), 'TracePage'),
  pendingComponent: LoadingPage,
});

const zipkinTraceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/zipkin/traces/$traceId',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/trace/$traceId', params, replace: true });
  },
});

const compareRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/compare',
  validateSearch: (raw: RawSearch): CompareSearch => readCompareSearch(raw),
  component: lazyRouteComponent(() => import('./compare/ComparePage'), 'ComparePage'),
  pendingComponent: LoadingPage,
});

const servicesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/services',
  validateSearch: (raw: RawSearch): ServiceSearch => readServiceSearch(raw),
  component: lazyRouteComponent(() => import('./services/ServicesPage'), 'ServicesPage'),
  pendingComponent: LoadingPage,
});

const serviceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/service/$name',
  validateSearch: (raw: RawSearch): ServiceSearch => readServiceSearch(raw),
  component: lazyRouteComponent(() => import('./services/ServicePage'), 'ServicePage'),
  pendingComponent: LoadingPage,
});

const mapRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/map',
  validateSearch: (raw: RawSearch): MapSearch => readMapSearch(raw),
  component: lazyRouteComponent(() => import('./map/MapPage'), 'MapPage'),
  pendingComponent: LoadingPage,
});

const fileRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/file',
  component: lazyRouteComponent(() => import('./file/FilePage'), 'FilePage'),
  pendingComponent: LoadingPage,
});

const sqlRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sql',
  validateSearch: (raw: RawSearch): SqlSearch => readSqlSearch(raw),
  component: lazyRouteComponent(() => import('./sql/SqlPage'), 'SqlPage'),
  pendingComponent: LoadingPage,
});

const statusRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/status',
  component: lazyRouteComponent(() => import('./status/StatusPage'), 'StatusPage'),
  pendingComponent: LoadingPage,
});

/** The router of this page, under whatever path it is served. */
export function makeRouter() {
  return createRouter({
    routeTree: rootRoute.addChildren([
      indexRoute,
      exploreRoute,
      jaegerSearchRoute,
      ...jaegerMapRoutes,
      jaegerMonitorRoute,
      traceRoute,
      zipkinTraceRoute,
      compareRoute,
      servicesRoute,
      serviceRoute,
      mapRoute,
      fileRoute,
      sqlRoute,
      statusRoute,
    ]),
    basepath: appBase().pathname,
    parseSearch,
    stringifySearch,
    defaultPreload: false,
    scrollRestoration: false,
    defaultPendingMs: 100,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
  interface HistoryState {
    /** Cursors of the result pages before this one. */
    cursors?: string[];
    /** Set when this entry was made by opening the span panel. */
    panel?: boolean;
  }
}
