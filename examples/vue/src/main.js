import { createApp } from 'vue';
import Appointment from './Appointment.vue';

createApp(Appointment, { id: '4711' }).mount('#app');
