export { QuietRoomElement, type QuietRoomEventMap } from './quiet-room';
export { addLanguage } from '../i18n/languages';
export { english } from '../i18n/english';
export { spanish } from '../i18n/spanish';
export type { Messages } from '../i18n/messages';
