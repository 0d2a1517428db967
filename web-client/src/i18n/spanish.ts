import type { DeviceSource } from '../media/devices';
import type { QualityCause } from '../signaling/protocol/QualityCause';
import type { Role } from '../signaling/protocol/Role';
import type { Messages } from './messages';
import { errors } from './spanish-errors';

const DEVICES: Record<DeviceSource, string> = { microphone: 'el micrófono', camera: 'la cámara' };

const OWN_DEVICES: Record<DeviceSource, string> = {
  microphone: 'su micrófono',
  camera: 'su cámara',
};

const ROLES: Record<Role, string> = {
  host: 'Terapeuta',
  'co-host': 'Coterapeuta',
  client: 'Participante',
  observer: 'Observador',
  interpreter: 'Intérprete',
};

const CAUSES: Record<QualityCause, string> = {
  'uplink-loss': 'se pierde mucho de lo que envía',
  'downlink-loss': 'se pierde mucho de lo que recibe',
  delay: 'mucho retraso',
  'slow-downlink': 'demasiado lenta para recibir todo el vídeo',
  'slow-uplink': 'demasiado lenta para enviar vídeo',
};

const SYSTEM_STEP =
  'Si ya están permitidos, permítalos también al navegador en los ajustes del equipo, en «Privacidad».';

/** The element in Spanish. */
export const spanish: Messages = {
  language: 'es',
  direction: 'ltr',
  errors,
  you: 'Usted',
  youNamed: (name) => `${name} (usted)`,
  unknown: 'Alguien que no se muestra',
  participant: (role, number) => (number === undefined ? ROLES[role] : `${ROLES[role]} ${number}`),
  toldApart: (name, who) => `${name} (${who})`,
  roleUnknown: 'Función desconocida',
  roleNotConfirmed: (role) => `${role} (sin confirmar)`,
  warnings: {
    'sender-mismatch': (name) =>
      `El sonido o la imagen que llegó como de ${name} no era de la persona que indicó el servidor, y está oculto. Si no cesa, salga de la sala y avise a la clínica.`,
    undecryptable: (name) =>
      `Lo que llega de ${name} no se puede descifrar y no se muestra. Si no cesa, vuelva a entrar.`,
    'role-mismatch': (name) =>
      `${name} dice tener otra función que la que dice el servidor. Pregunte quién es y avise a la clínica.`,
    'key-changed': (name) =>
      `La clave de ${name} ha cambiado, así que ahora puede ser otra persona. Compare el código de seguridad, o salga de la sala y avise a la clínica.`,
  },
  hiddenMember:
    'Alguien que no se muestra puede ver y oír la sesión. Mire la lista de personas; si nadie sabe quién es, salga de la sala y avise a la clínica.',
  unsent: 'Su sonido o su imagen no se puede cifrar y no se envía. Si no cesa, vuelva a entrar.',
  tile: (name, microphone, camera) =>
    `${name}: micrófono ${microphone ? 'encendido' : 'apagado'}, cámara ${camera ? 'encendida' : 'apagada'}`,
  microphoneOff: 'Micrófono apagado',
  quality: (level, cause) =>
    `Conexión ${level === 'weak' ? 'débil' : 'mala'}${cause === undefined ? '' : `: ${CAUSES[cause]}`}`,
  ownQuality: (level, cause) =>
    `Su conexión es ${level === 'weak' ? 'débil' : 'mala'}${cause === undefined ? '' : `: ${CAUSES[cause]}`}.`,
  videoPaused: 'Vídeo en pausa: su conexión es lenta',
  videoPausedThere: 'Vídeo en pausa: la conexión de esta persona es lenta',
  reconnectingThere: 'Conectando de nuevo…',
  cameraPaused: 'Su cámara está en pausa: su conexión es lenta',
  cameraPausedNotice:
    'Su cámara está en pausa: su conexión es lenta. Los demás le oyen. El vídeo vuelve solo.',
  path: {
    tcp: 'Conexión por el puerto web de su red',
    'relay-udp': 'Conexión a través de un repetidor',
    'relay-tcp': 'Conexión por el puerto web de su red',
    'relay-tls': 'Conexión por el puerto web de su red',
  },
  audioOnly: {
    'slow-connection': 'Solo sonido: su conexión es lenta. El vídeo vuelve solo.',
    chosen: 'Solo sonido: usted ha apagado el vídeo de los demás. No se le envía nada de él.',
  },
  hidePictures: 'Solo sonido',
  showPictures: 'Mostrar vídeo',
  pin: (name) => `Mostrar a ${name} en grande`,
  somePaused: 'Parte del vídeo está en pausa: su conexión es lenta. El sonido sigue.',
  nonePaused: 'Todo el vídeo ha vuelto.',
  handRaised: 'Mano levantada',
  hidden: 'Oculto: no era esta persona',
  everyone: 'Todas las personas de la sala',
  controls: 'Controles',
  mute: 'Silenciar',
  unmute: 'Activar micrófono',
  stopCamera: 'Apagar cámara',
  startCamera: 'Encender cámara',
  raiseHand: 'Levantar la mano',
  lowerHand: 'Bajar la mano',
  shareScreen: 'Compartir pantalla',
  stopSharing: 'Dejar de compartir',
  sharing: 'Todos ven su pantalla.',
  screenOf: (name) => `Pantalla de ${name}`,
  sharedScreens: 'Pantallas compartidas',
  react: 'Reacción',
  reactions: {
    '👍': 'Pulgar arriba',
    '👏': 'Aplauso',
    '❤️': 'Corazón',
    '😂': 'Risa',
    '😮': 'Sorpresa',
    '🙏': 'Gracias',
  },
  reacted: (names, count, reaction) => `${count > 3 ? `${count} personas` : names}: ${reaction}`,
  raisedHand: (names, count) =>
    count > 3
      ? `${count} personas han levantado la mano.`
      : `${names} ${count === 1 ? 'ha' : 'han'} levantado la mano.`,
  handRaisedAs: (place) => `Mano levantada, turno ${place}`,
  cameIn: (names, count) =>
    count > 3
      ? `Han entrado ${count} personas.`
      : `${count === 1 ? 'Ha' : 'Han'} entrado: ${names}.`,
  wentAway: (names, count) =>
    count > 3 ? `Han salido ${count} personas.` : `${count === 1 ? 'Ha' : 'Han'} salido: ${names}.`,
  lostConnection: (names, count) =>
    count > 3
      ? `${count} personas han perdido la conexión.`
      : `${count === 1 ? 'Ha' : 'Han'} perdido la conexión: ${names}.`,
  connectionGone: (names, count) =>
    count > 3
      ? `${count} personas se están conectando de nuevo.`
      : `Conectando de nuevo: ${names}.`,
  connectionBack: (names, count) =>
    count > 3
      ? `${count} personas se han conectado de nuevo.`
      : `${count === 1 ? 'Se ha' : 'Se han'} conectado de nuevo: ${names}.`,
  people: 'Personas',
  peopleWaiting: (count) => `Personas, ${count} en espera`,
  chat: 'Chat',
  chatUnread: (count) => `Chat, ${count === 1 ? 'un mensaje nuevo' : `${count} mensajes nuevos`}`,
  chatEmpty:
    'Aún no se ha escrito nada. Solo las personas de la sala pueden leer lo que escriba, y no se guarda nada después de la sesión.',
  chatWrite: 'Escribir a todos',
  chatSend: 'Enviar',
  wrote: (name, text) => `${name} ha escrito: ${text}`,
  close: 'Cerrar',
  leave: 'Salir',
  joinAgain: 'Volver a entrar',
  tapToHear: 'Toque para oír a los demás',
  connecting: 'Conectando…',
  reconnecting: 'Se ha interrumpido la conexión. Conectando de nuevo…',
  interruptions: {
    asleep: 'Este equipo estaba en reposo. Conectando de nuevo…',
    offline: 'Este equipo no tiene red. Se conectará de nuevo por sí solo en cuanto la haya.',
  },
  away: 'Hasta que vuelva la conexión, nada de lo que escriba o muestre llega a nadie. Puede salir.',
  awayWriting: 'Lo que escriba se queda aquí. Podrá enviarlo cuando vuelva la conexión.',
  awayPowers:
    'Usted no tiene conexión con la sala: podrá hacer esto cuando vuelva. Hasta entonces, la sesión puede seguir sin usted.',
  notYetEncrypted: 'Preparando el cifrado…',
  encrypted: 'Cifrado de extremo a extremo',
  notInGroup: 'Aún no está en la sesión cifrada',
  safetyCode: 'Código de seguridad',
  safetyAdvice:
    'Léanse el código unos a otros. Si es el mismo para todos, nadie más que las personas de esta lista puede ver u oír la sesión. Cambia cuando alguien llega o se va.',
  compared: 'Comparado',
  comparedWith: (name) => `El código se ha comparado con ${name}`,
  alone: 'Todavía no hay nadie más.',
  others: (count) => (count === 1 ? 'Hay otra persona aquí.' : `Hay otras ${count} personas aquí.`),
  left: 'Ha salido',
  leftDetail: 'Su micrófono y su cámara están apagados.',
  failed: 'La sesión se ha interrumpido',
  notJoined: 'No ha podido entrar',
  waitingRoom: 'Sala de espera',
  awaitingAdmission: 'Su terapeuta le dejará entrar.',
  hostAbsent: 'Su terapeuta todavía no está. Puede esperar en esta página.',
  waitingAdvice: 'Nadie le ve ni le oye todavía. Solo usted ve esta imagen.',
  backToWaiting:
    'Quédese en esta página: durante dos minutos intenta volver a conectarse, y le devuelve a la sala de espera.',
  consentTitle: 'Antes de entrar',
  consentVersion: (version) => `Versión ${version}`,
  consentAdvice:
    'Nadie le ve ni le oye antes de que acepte. Queda constancia de que ha aceptado y de cuándo; quienes dirigen la sesión ven que lo ha hecho.',
  agree: 'Acepto',
  disagree: 'No acepto',
  session: 'Sesión',
  consented: (version) => `Ha aceptado el texto, versión ${version}`,
  notConsented: 'No ha aceptado el texto',
  talkTime: 'Quién habla cuánto',
  talkTimeAdvice:
    'De forma aproximada, y solo de quienes están aquí. Se calcula en este equipo, no se envía a nadie y desaparece al cerrar la página.',
  talkTimePending: 'Todavía se ha hablado muy poco.',
  talkShares: {
    'hardly-any': 'Casi nada',
    little: 'Un poco',
    quarter: 'Cerca de un cuarto',
    third: 'Cerca de un tercio',
    half: 'Cerca de la mitad',
    'two-thirds': 'Cerca de dos tercios',
    'three-quarters': 'Cerca de tres cuartos',
    'nearly-all': 'Casi todo',
  },
  somebodyWaits: (count, name) =>
    count === 1
      ? `${name === '' ? 'Alguien' : name} espera para entrar.`
      : `${count} personas esperan para entrar.`,
  showWaiting: 'Mostrar',
  admit: 'Dejar entrar',
  admitPerson: (name) => `Dejar entrar a ${name}`,
  admitAll: 'Dejar entrar a todos',
  refuse: 'Rechazar',
  refusePerson: (name) => `Rechazar a ${name}`,
  tellWaiting: 'Escribir a quienes esperan',
  toldWaiting: 'Enviado.',
  notTold: (names) => `No a ${names}: todavía no es posible escribir ahí.`,
  noted: (name, text) => `${name === '' ? ROLES.host : name}: ${text}`,
  lock: 'Cerrar la sala',
  unlock: 'Abrir la sala',
  locked: 'La sala está cerrada: nadie más puede entrar.',
  muteAll: 'Silenciar a todos',
  endForAll: 'Terminar para todos',
  endTitle: '¿Terminar la sesión para todos?',
  endText: 'Todos salen en el acto y nadie puede volver a esta sesión.',
  actionsOn: (name) => `Lo que puede hacer con ${name}`,
  actions: {
    'mute-microphone': 'Silenciar',
    'ask-microphone': 'Pedir que hable',
    'mute-camera': 'Apagar cámara',
    'ask-camera': 'Pedir la cámara',
    'stop-share': 'Dejar de compartir',
    remove: 'Expulsar',
  },
  remove: 'Expulsar',
  removeTitle: (name) => `¿Expulsar a ${name}?`,
  removeText: 'Esta persona sale en el acto y no puede volver con el mismo enlace.',
  cancel: 'Cancelar',
  understood: 'Entendido',
  notNow: 'Ahora no',
  asked: (name, source) => `${name} le pide que encienda ${DEVICES[source]}.`,
  turnOn: { microphone: 'Activar micrófono', camera: 'Encender cámara' },
  mutedBy: (name, source) => `${name} ha apagado ${OWN_DEVICES[source]}.`,
  shareStoppedBy: (name) => `${name} ha dejado de mostrar su pantalla.`,
  sessionEnding: (minutes) =>
    `La sesión termina para todos en ${minutes === 1 ? 'un minuto' : `${minutes} minutos`}.`,
  inactivity: (seconds) => `¿Sigue ahí? Si no, se cerrará su sesión en ${seconds} segundos.`,
  stillHere: 'Sigo aquí',
  hosting: 'No está quien dirige la sesión. Usted la dirige hasta que vuelva.',
  emergency: 'En caso de emergencia',
  emergencyAdvice:
    'Diga a su terapeuta dónde está y a quién llamar. Va cifrado para su terapeuta: nadie más de la sesión puede leerlo.',
  emergencyPlace: 'Dónde estoy',
  emergencyContact: 'A quién llamar',
  emergencyTell: 'Decírselo a mi terapeuta',
  emergencyTold: 'Enviado. Un terapeuta que llegue después también lo recibe.',
  emergencyWhere: 'Dónde está esta persona',
  emergencyOf: (name) => `En caso de emergencia: ${name}`,
  observes: 'Observador',
  observing: 'Usted observa: los demás ven que está aquí, y no le ven ni le oyen.',
  greenRoom: 'Antes de empezar',
  onlyYouSee: 'Solo usted ve esta imagen.',
  askingForDevices:
    'Su navegador pregunta si esta página puede usar su micrófono y su cámara, para que le oigan y le vean. Elija «Permitir».',
  openingDevices: 'Encendiendo su cámara…',
  cameraIsOff: 'Su cámara está apagada.',
  yourName: 'Su nombre',
  whoSeesName: 'Solo lo ven las personas de la sesión.',
  join: 'Entrar',
  joinWithoutCamera: 'Entrar sin cámara',
  devices: 'Dispositivos',
  deviceKinds: { microphone: 'Micrófono', camera: 'Cámara', speaker: 'Altavoz' },
  defaultDevice: 'El que usa el equipo',
  blurBackground: 'Desenfocar lo que hay detrás de mí',
  backgroundBlurred: 'Su equipo desenfoca lo que hay detrás de usted.',
  unnamedDevice: (kind, number) => `${kind} ${number}`,
  saySomething: 'Diga algo: la barra debe moverse.',
  heard: 'Su micrófono funciona.',
  testSpeaker: 'Probar el sonido',
  speakerTested: '¿Ha oído tres tonos? Si no, suba el volumen o elija otro altavoz.',
  connection: 'Conexión',
  testConnection: 'Probar mi conexión',
  testingConnection: 'Probando. Tarda unos segundos…',
  connectionVerdicts: {
    good: 'Su conexión funciona: el sonido y la imagen pasan directamente.',
    relayed: 'Su conexión funciona: el sonido y la imagen pasan por un repetidor.',
    'web-port':
      'Su conexión funciona, pero solo por la vía de las páginas web. Si el sonido o la imagen se cortan, otra red puede ayudar.',
    blocked: 'Esta red no deja pasar ni sonido ni imagen. Use otra, como la de su teléfono.',
  },
  connectionSlow: 'Es lenta: los demás le oyen con retraso.',
  connectionNeeds: 'Para quien se encarga de esta red: debería dejar pasar',
  permissionHelp: 'Cómo permitirlo',
  permissionSteps: {
    chromium: [
      'Pulse el icono a la izquierda de la barra de direcciones.',
      'Active «Cámara» y «Micrófono».',
      'Si no ocurre nada, recargue la página.',
      SYSTEM_STEP,
    ],
    'chromium-android': [
      'Pulse el icono a la izquierda de la barra de direcciones y después «Permisos».',
      'Permita «Cámara» y «Micrófono» y recargue la página.',
      'Si no aparecen, permítalos para el navegador en los ajustes del teléfono, en «Aplicaciones».',
    ],
    firefox: [
      'Pulse la cámara o el micrófono tachado de la barra de direcciones.',
      'Pulse la × junto a «Bloqueado» y recargue la página.',
      'Elija «Permitir» cuando Firefox pregunte.',
      SYSTEM_STEP,
    ],
    safari: [
      'En el menú «Safari», elija «Ajustes para este sitio web».',
      'Ponga «Cámara» y «Micrófono» en «Permitir» y recargue la página.',
      SYSTEM_STEP,
    ],
    'safari-ios': [
      'Pulse el icono al lado de la barra de direcciones y después «Ajustes del sitio web».',
      'Ponga «Cámara» y «Micrófono» en «Permitir» y recargue la página.',
      'Si no aparecen, búsquelos en la app Ajustes, en «Safari».',
    ],
    other: [
      'Busque en los ajustes del navegador lo que esta página puede hacer.',
      'Permita la cámara y el micrófono y recargue la página.',
    ],
  },
  more: 'Más',
  showSpeaker: 'Mostrar en grande a quien habla',
  showAll: 'Mostrar a todos por igual',
  hideSelf: 'Ocultar mi imagen',
  showSelf: 'Mostrar mi imagen',
  smallWindow: 'Ventana pequeña',
  closeSmallWindow: 'Cerrar la ventana pequeña',
  fullScreen: 'Pantalla completa',
  leaveFullScreen: 'Salir de pantalla completa',
  shortcuts: 'Atajos de teclado',
  shortcutsAdvice: 'Funcionan mientras el teclado está en la sesión, y no mientras escribe.',
  shortcutsOn: 'Usar atajos de teclado',
  shortcutNames: {
    microphone: 'Encender o apagar el micrófono',
    camera: 'Encender o apagar la cámara',
    hand: 'Levantar o bajar la mano',
    chat: 'Abrir o cerrar el chat',
    people: 'Abrir o cerrar la lista de personas',
    view: 'Mostrar en grande a quien habla, o a todos por igual',
    self: 'Ocultar o mostrar mi imagen',
    'full-screen': 'Pantalla completa, o volver',
    help: 'Esta lista',
  },
  ownPanel: 'Notas',
  timer: 'Lleva aquí',
  cannotHearYou:
    'No le oímos. Quizá el micrófono tiene un interruptor apagado, o está elegido otro que el que usa para hablar.',
  chooseDevice: 'Elegir otro',
  stalled: {
    microphone:
      'Su micrófono no da sonido: el equipo u otro programa lo ha detenido. Termine la llamada en el otro programa, o apague y encienda el micrófono.',
    camera:
      'Su cámara no da imagen: el equipo u otro programa la está usando. Cierre el otro programa, o apague y encienda la cámara.',
  },
  telephoneProfile:
    'Sus auriculares funcionan ahora como un teléfono, y tanto lo que oye como lo que dice suena apagado. Con otro micrófono, como el del propio equipo, vuelve a oírse claro; no se quite los auriculares.',
  useDevice: (label) => `Usar «${label}»`,
  microphoneReplaced: (label) =>
    `Se ha desconectado su micrófono. Ahora se usa ${label === '' ? 'otro' : label}.`,
  wasInBackground: (microphone, camera) =>
    `Mientras esta página estaba en segundo plano, los demás podían ${
      microphone && camera ? 'oírle y verle' : microphone ? 'oírle' : 'verle'
    }.`,
  endings: {
    'session-ended': 'La sesión ha terminado',
    removed: 'Le han expulsado de la sesión',
    refused: 'No le han dejado entrar',
    inactive: 'Se ha cerrado su sesión porque parecía que no había nadie',
    'not-connected': 'Ha salido, y lo último que hizo no se ha enviado',
  },
};
