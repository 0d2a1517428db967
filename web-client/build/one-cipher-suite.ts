import type { Plugin } from 'vite';

/**
 * Leaves out what ts-mls and its HPKE would load for other cipher suites than
 * the one in use (MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519), and where there
 * is no `crypto`, so that the worker is one file. Asking for these rejects.
 */
export function oneCipherSuite(): Plugin {
  return {
    name: 'quietroom:one-cipher-suite',
    transform(code, id) {
      if (!/\/(ts-mls|@hpke)\//.test(id)) return null;
      return { code: code.replace(LOADED_LATER, LEFT_OUT), map: null };
    },
  };
}

const LOADED_LATER = /\bimport\((["'])(?!@noble\/curves\/ed25519\.js)[^"']+\1\)/g;

const LEFT_OUT = 'Promise.reject(new Error("not in this build"))';
