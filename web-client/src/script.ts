// Everything in one file, for pages that have no bundler.
export * from './index';
export * from './element/index';
