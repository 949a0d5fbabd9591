import { render } from 'preact';
import { App } from './App.tsx';
import { begin } from './api/session.ts';
import { watchRoute } from './state/route.ts';
import { watchTheme } from './state/theme.ts';
import 'uplot/dist/uPlot.min.css';
import './style/main.css';

begin();
watchRoute();
watchTheme();
const root = document.getElementById('app');
if (root) render(<App />, root);
