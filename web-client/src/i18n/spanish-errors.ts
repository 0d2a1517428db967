import type { Messages } from './messages';

const NEW_LINK = 'Pida un enlace nuevo.';
const TRY_AGAIN = 'Compruebe su conexión y vuelva a entrar.';
const RELOAD = 'Recargue la página; puede que ella y el servidor sean de versiones distintas.';
const MICROPHONE_ON = 'y encienda el micrófono';
const CAMERA_ON = 'y encienda la cámara';

/** In Spanish: what went wrong, and what a person can do about it. */
export const errors: Messages['errors'] = {
  'invalid-token': ['Este enlace no abre la sala.', NEW_LINK],
  'token-expired': ['Este enlace ha caducado.', NEW_LINK],
  'token-not-yet-valid': [
    'Este enlace todavía no es válido.',
    'Vuelva a entrar cuando la sesión esté a punto de empezar.',
  ],
  'proof-required': ['Este enlace solo funciona en el navegador que lo pidió.', NEW_LINK],
  'invalid-proof': ['Este enlace solo funciona en el navegador que lo pidió.', NEW_LINK],
  'token-reused': ['Este enlace se ha usado en otro navegador.', NEW_LINK],
  'token-revoked': ['Este enlace ya no abre la sala.', 'Pregunte a la clínica.'],
  'multi-factor-required': [
    'Esta sala pide iniciar sesión con un segundo factor.',
    'Inicie sesión con él y vuelva a entrar.',
  ],
  'token-unavailable': [
    'El sitio de la clínica no ha dejado pasar a este navegador.',
    'Inicie sesión allí de nuevo y vuelva a entrar.',
  ],
  'keys-unavailable': [
    'El servidor no puede comprobar enlaces en este momento.',
    'Vuelva a entrar dentro de un minuto.',
  ],
  'room-locked': ['La sala está cerrada.', 'Pida a quien dirige la sesión que la abra.'],
  'second-device': ['Usted está en la sala con otro dispositivo.', 'Salga primero con él.'],
  'joined-elsewhere': [
    'Usted ha entrado con otro dispositivo.',
    'Siga allí, o vuelva a entrar aquí.',
  ],
  'session-not-open': [
    'La sesión no ha empezado.',
    'Vuelva a entrar cuando la sesión esté a punto de empezar.',
  ],
  'session-ended': ['La sesión ha terminado.', 'Puede cerrar esta página.'],
  refused: ['No le han dejado entrar.', 'Pregunte a la clínica, o vuelva a entrar más tarde.'],
  removed: ['Le han expulsado de la sala.', 'Pregunte a la clínica.'],
  inactive: ['Se ha cerrado su sesión porque parecía que no había nadie.', 'Vuelva a entrar.'],
  'not-allowed': ['Usted no puede hacer esto en esta sala.', 'Pídalo a quien dirige la sesión.'],
  'not-admitted': ['Todavía no le han dejado entrar.', 'Espere a que le dejen entrar.'],
  'unknown-participant': ['Esta persona no está aquí.', 'Mire otra vez la lista de personas.'],
  'consent-mismatch': [
    'El texto que debe aceptar ha cambiado.',
    'Vuelva a entrar y léalo de nuevo.',
  ],
  'room-full': ['La sala está llena.', 'Vuelva a entrar cuando alguien haya salido.'],
  'screens-full': ['Ya se comparte otra pantalla.', 'Comparta la suya cuando termine la otra.'],
  'server-full': ['El servidor está lleno.', 'Vuelva a entrar más tarde.'],
  'rate-limited': [
    'Se han hecho demasiados intentos a la vez.',
    'Espere un minuto y vuelva a entrar.',
  ],
  'invalid-message': ['El servidor no ha entendido esta página.', RELOAD],
  'message-too-large': [
    'El servidor ha rechazado un mensaje de esta página por ser demasiado grande.',
    RELOAD,
  ],
  'invalid-offer': [
    'El servidor no puede trabajar con lo que ofrece este navegador.',
    'Actualice el navegador o use otro.',
  ],
  'media-disconnected': ['Se han perdido el sonido y la imagen.', TRY_AGAIN],
  'resume-refused': ['Se ha perdido la conexión con el servidor.', TRY_AGAIN],
  'shutting-down': ['El servidor se está reiniciando.', 'Vuelva a entrar dentro de un minuto.'],
  internal: ['El servidor ha fallado.', 'Vuelva a entrar dentro de un momento.'],
  'unsupported-browser': [
    'Este navegador no puede proteger la sesión.',
    'Use una versión actual de Chrome, Edge, Firefox o Safari.',
  ],
  'insecure-context': [
    'El navegador solo permite sesiones en páginas seguras.',
    'Abra la página con https://.',
  ],
  'invalid-state': ['Ya se había entrado en esta sala.', 'Recargue la página.'],
  left: ['Se ha salido de la sala antes de entrar.', 'Vuelva a entrar.'],
  'signaling-unreachable': ['No se puede llegar al servidor.', TRY_AGAIN],
  'signaling-closed': ['Se ha perdido la conexión con el servidor.', TRY_AGAIN],
  'protocol-violation': ['Esta página no ha entendido al servidor.', RELOAD],
  'join-timeout': ['El servidor no ha contestado a tiempo.', TRY_AGAIN],
  'media-unreachable': [
    'El sonido y la imagen no pueden pasar.',
    'Otra red puede ayudar: algunas bloquean las videollamadas.',
  ],
  'relay-refused': [
    'El sonido y la imagen no pueden pasar: el repetidor que esta red necesita los ha rechazado.',
    'Vuelva a entrar; si no sirve de nada, use otra red y avise a la clínica.',
  ],
  'encryption-required': [
    'Esta página es demasiado antigua para la sala: no puede cifrar la sesión.',
    RELOAD,
  ],
  'invalid-group-message': [
    'El servidor ha rechazado un mensaje de esta página sobre el cifrado.',
    'Si algo no funciona, salga y vuelva a entrar.',
  ],
  'not-connected': [
    'La conexión se ha interrumpido y lo último que hizo no se ha enviado.',
    'Vuelva a hacerlo cuando haya conexión.',
  ],
  'encryption-pending': [
    'La sala todavía no está protegida.',
    'Inténtelo de nuevo dentro de un momento.',
  ],
  'text-too-long': ['El texto es demasiado largo.', 'Envíelo por partes.'],
  'sender-mismatch': [
    'Una imagen o una voz no era de la persona que indicó el servidor, y se ha ocultado.',
    'Si no cesa, salga de la sala y avise a la clínica.',
  ],
  'role-mismatch': [
    'Alguien dice tener otra función que la que dice el servidor.',
    'Pregunte quién es y avise a la clínica.',
  ],
  'key-changed': [
    'La clave de alguien ha cambiado, así que ahora puede ser otra persona.',
    'Compare de nuevo el código de seguridad, o salga de la sala y avise a la clínica.',
  ],
  'encryption-failed': [
    'Ha fallado la parte de la página que protege la sesión.',
    'Recargue la página.',
  ],
  'microphone-refused': [
    'El navegador no puede usar el micrófono.',
    `Permítalo en la barra de direcciones del navegador ${MICROPHONE_ON}.`,
  ],
  'microphone-missing': ['No se ha encontrado ningún micrófono.', `Conecte uno ${MICROPHONE_ON}.`],
  'microphone-busy': [
    'No se puede abrir el micrófono.',
    `Cierre otros programas que lo usen ${MICROPHONE_ON}.`,
  ],
  'camera-refused': [
    'El navegador no puede usar la cámara.',
    `Permítala en la barra de direcciones del navegador ${CAMERA_ON}.`,
  ],
  'camera-missing': ['No se ha encontrado ninguna cámara.', `Conecte una ${CAMERA_ON}.`],
  'camera-busy': [
    'No se puede abrir la cámara.',
    `Cierre otros programas que la usen ${CAMERA_ON}.`,
  ],
  'screen-unsupported': [
    'Este navegador no puede compartir una pantalla.',
    'Use Chrome, Edge, Firefox o Safari en un ordenador.',
  ],
  'screen-refused': [
    'No se ha compartido ninguna pantalla.',
    'Para compartir una, elíjala cuando el navegador pregunte; quizá haya que permitirlo en los ajustes del equipo.',
  ],
  'screen-failed': [
    'No se puede compartir la pantalla.',
    'Inténtelo de nuevo, o comparta una ventana.',
  ],
};
